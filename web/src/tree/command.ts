/**
 * What stands beside a process's name: its command line without what the name already says. Programs that
 * write their own title (`nginx: worker process`) begin with the name; others with the path of the executable.
 */
export function argumentsOf(name: string, command: string): string {
  if (!command) return ''
  if (name && command.startsWith(name) && /^[\s:]|^$/.test(command.slice(name.length))) {
    return command.slice(name.length).replace(/^[\s:]+/, '')
  }
  return command.replace(/^\S+\s*/, '')
}
