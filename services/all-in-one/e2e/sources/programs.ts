import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether a program of the system is installed. */
export const isInstalled = (program: string): boolean =>
  ['/usr/bin', '/usr/sbin', '/bin'].some((directory) => existsSync(join(directory, program)))

/** Runs a program of the system to its end and answers what it wrote. Errors: whatever ended it with another code than 0. */
export async function runProgram(program: string, args: readonly string[]): Promise<string> {
  return (await run(program, [...args])).stdout
}

/** What curl answers, with a key for the push doors. */
export async function curl(key: string, ...args: readonly string[]): Promise<string> {
  return runProgram('curl', ['-sS', '-H', `authorization: Bearer ${key}`, ...args])
}
