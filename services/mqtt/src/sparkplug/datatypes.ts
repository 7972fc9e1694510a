/** Datatypes of Sparkplug B (specification 3.0, 6.4.16). */
export const datatypes = {
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  uint8: 5,
  uint16: 6,
  uint32: 7,
  uint64: 8,
  float: 9,
  double: 10,
  boolean: 11,
  string: 12,
  dateTime: 13,
  text: 14,
  uuid: 15,
  dataSet: 16,
  bytes: 17,
  file: 18,
  template: 19,
  propertySet: 20,
  propertySetList: 21,
  /** Arrays of the first eleven, of strings and of times follow up to here. */
  dateTimeArray: 34,
} as const

/** Which field of the wire a value came in. */
export type WireKind = 'none' | 'int' | 'long' | 'float' | 'double' | 'boolean' | 'other'

/** Whether values of a datatype are samples. 0, unknown, is told by the field that the value comes in. */
export const isNumeric = (datatype: number): boolean => datatype <= datatypes.boolean || datatype === datatypes.dateTime

const TWO_32 = 4_294_967_296

/**
 * The number that a value means; null when its field does not carry numbers. Integers travel as two halves of 32 bits,
 * and signed ones as two's complement of an unsigned number: 8 and 16 bits are met both in their own width and extended
 * to 32, so the sign is read at their own width.
 */
export function numberOf(datatype: number, kind: WireKind, low: number, high: number, real: number): number | null {
  if (kind === 'float' || kind === 'double') return real
  if (kind === 'boolean') return low === 0 ? 0 : 1
  if (kind !== 'int' && kind !== 'long') return null
  switch (datatype) {
    case datatypes.int8:
      return (low << 24) >> 24
    case datatypes.int16:
      return (low << 16) >> 16
    case datatypes.int32:
      return low | 0
    case datatypes.int64:
      return kind === 'int' ? low | 0 : (high | 0) * TWO_32 + low
    case datatypes.boolean:
      return low === 0 && high === 0 ? 0 : 1
    default:
      return high * TWO_32 + low
  }
}
