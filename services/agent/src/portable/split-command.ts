/** Splits a command line into arguments at blanks outside of quotes; quotes around an argument are taken off. */
export function splitCommand(line: string): string[] {
  const args: string[] = []
  let arg = ''
  let quote = ''
  let begun = false
  for (const char of line) {
    if (quote !== '') {
      if (char === quote) quote = ''
      else arg += char
    } else if (char === '"' || char === "'") {
      quote = char
      begun = true
    } else if (/\s/.test(char)) {
      if (begun) args.push(arg)
      arg = ''
      begun = false
    } else {
      arg += char
      begun = true
    }
  }
  return begun ? [...args, arg] : args
}
