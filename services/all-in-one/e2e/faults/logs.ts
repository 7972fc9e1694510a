import type { RunningChild } from '../child.ts'

/** A line of a service's log. */
export interface LogLine {
  readonly level: string
  readonly message: string
  readonly error?: { readonly code?: string; readonly message?: string }
  readonly code?: string
}

/** The lines that a process has logged, from a place in its output on; `output().length` is such a place. */
export function logOf(child: RunningChild, from = 0): LogLine[] {
  return child
    .output()
    .slice(from)
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as LogLine)
}

/** Warnings and worse. */
export function complaintsOf(child: RunningChild, from = 0): LogLine[] {
  return logOf(child, from).filter(({ level }) => level === 'warn' || level === 'error' || level === 'fatal')
}
