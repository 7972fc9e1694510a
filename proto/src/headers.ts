/** Headers of every record on the bus, as text. Names are part of the contract with downstream consumers. */
export interface RecordHeaders {
  readonly 'content-type': 'application/protobuf'
  /** Full protobuf name of the value, such as `driftline.v1.SampleBatch`. */
  readonly message: string
  readonly tenant: string
  /** Who produced the event first, such as an agent's source id. */
  readonly source: string
  /** Start counter of the source, decimal. */
  readonly epoch: string
  /** Position within the epoch, decimal; a repeat of a batch repeats its sequence. */
  readonly sequence: string
}
