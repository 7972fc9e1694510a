/** Something that will never be accepted, and why. */
export interface Refused {
  /** A stable snake_case word; also a metric label. */
  readonly reason: string
  /** What a person needs to mend it. */
  readonly detail: string
}

/** Why a definition of a series is refused, whoever defines it. */
export type DefinitionReason =
  | 'process_foreign' // a process that the sender may not speak of
  | 'process_invalid'
  | 'metric_invalid'
  | 'unit_invalid'
  | 'kind_unknown'
  | 'attributes_invalid'
  | 'series_too_many'
