import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from 'node:fs'

/** `torn`: the file was shorter than its newest tree and was filled up with zeros, so every pack must be verified. */
export type SegmentFileState = 'whole' | 'empty' | 'torn' | 'unreadable'

const META_MAGIC = 0xbeefc0de
const META_MAGIC_AT = 24
const META_PAGE_SIZE_AT = 48
const META_LAST_PAGE_AT = 144
const META_TRANSACTION_AT = 152
const META_BYTES = 160

/**
 * Looks at an LMDB file (data format 2) before LMDB maps it: reading a mapped page beyond the end of the file would
 * kill the process with SIGBUS, so a file cut short is first filled up to the size that its meta page promises.
 */
export function inspectSegmentFile(path: string): SegmentFileState {
  const file = openSync(path, 'r+')
  try {
    const size = fstatSync(file).size
    if (size === 0) return 'empty'
    const first = readMeta(file, 0)
    if (first === null) return 'unreadable'
    const second = readMeta(file, first.pageSize)
    if (second === null) return 'unreadable'
    const newest = second.transaction > first.transaction ? second : first
    const neededBytes = (newest.lastPage + 1) * first.pageSize
    if (size >= neededBytes) return 'whole'
    ftruncateSync(file, neededBytes)
    return 'torn'
  } finally {
    closeSync(file)
  }
}

interface Meta {
  readonly pageSize: number
  readonly lastPage: number
  readonly transaction: bigint
}

function readMeta(file: number, position: number): Meta | null {
  const bytes = Buffer.alloc(META_BYTES)
  if (readSync(file, bytes, 0, META_BYTES, position) < META_BYTES) return null
  if (bytes.readUInt32LE(META_MAGIC_AT) !== META_MAGIC) return null
  const pageSize = bytes.readUInt32LE(META_PAGE_SIZE_AT)
  const lastPage = Number(bytes.readBigUInt64LE(META_LAST_PAGE_AT))
  if (pageSize < 512 || pageSize > 65_536 || !Number.isSafeInteger(lastPage)) return null
  return { pageSize, lastPage, transaction: bytes.readBigUInt64LE(META_TRANSACTION_AT) }
}

/** Makes the entries of a directory durable, which syncing the files in it does not. Windows cannot and need not. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
