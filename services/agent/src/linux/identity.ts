import { readlinkSync } from 'node:fs'
import type { RawIdentity } from '../groups.ts'
import { parseCgroup } from './cgroups.ts'
import type { ContainerNames } from './container-names.ts'
import type { ProcFiles } from './proc-files.ts'
import { decodeName, isKernelThread, numberAt, type ProcessStat } from './stat-parser.ts'
import type { Users } from './users.ts'

const UID = Buffer.from('\nUid:\t')
const TAB = 0x09

/** Reads who a process is, from the files that change at exec at most. A file that cannot be read says nothing. */
export interface IdentityReader {
  /** `stat` has just been read into the buffer of `files`: its name is taken first. */
  read(pid: number, stat: ProcessStat): RawIdentity
}

export function createIdentityReader(
  procRoot: string,
  deps: { files: ProcFiles; users: Users; containers: ContainerNames },
): IdentityReader {
  const { files, users, containers } = deps

  const args = (directory: string): string[] => {
    const length = files.readOnce(`${directory}/cmdline`)
    if (length <= 0) return []
    // A program that writes its own title leaves NULs behind it.
    let end = length
    while (end > 0 && files.buffer[end - 1] === 0) end--
    return end === 0 ? [] : files.buffer.toString('utf8', 0, end).split('\0')
  }
  const user = (directory: string): string => {
    const length = files.readOnce(`${directory}/status`)
    if (length <= 0) return ''
    const at = files.buffer.indexOf(UID)
    if (at < 0 || at >= length) return ''
    const real = at + UID.length
    const effective = files.buffer.indexOf(TAB, real) + 1
    return users.nameOf(numberAt(files.buffer, effective, length))
  }
  const place = (directory: string) => {
    const length = files.readOnce(`${directory}/cgroup`)
    return parseCgroup(length <= 0 ? '' : files.buffer.toString('utf8', 0, length))
  }
  const executable = (directory: string): string => {
    try {
      return readlinkSync(`${directory}/exe`)
    } catch {
      return ''
    }
  }

  return {
    read: (pid, stat) => {
      const name = decodeName(files.buffer, stat.nameStart, stat.nameEnd)
      const directory = `${procRoot}/${pid}`
      const kernelThread = isKernelThread(stat)
      if (kernelThread)
        return { ...NO_PROGRAM, pid, parentPid: stat.parentPid, name, user: user(directory), kernelThread }
      const { unit, containerId, containerName } = place(directory)
      return {
        pid,
        parentPid: stat.parentPid,
        name,
        args: args(directory),
        executable: executable(directory),
        user: user(directory),
        unit,
        container: containerName || (containerId === '' ? '' : containers.nameOf(containerId)),
        kernelThread,
      }
    },
  }
}

const NO_PROGRAM = { args: [], executable: '', unit: '', container: '' } as const
