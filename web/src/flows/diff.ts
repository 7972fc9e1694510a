export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed' | 'left-out'
  readonly text: string
}

const linesMax = 3000
const around = 3

/** Length of the longest common run of lines from each place on; the usual table of a difference. */
function commonTable(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1))
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i]![j] = a[i] === b[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!)
  return table
}

function wholeDiff(a: readonly string[], b: readonly string[]): DiffLine[] {
  const table = commonTable(a, b)
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: 'same', text: a[i]! })
      i++
      j++
    } else if (j >= b.length || (i < a.length && table[i + 1]![j]! >= table[i]![j + 1]!)) {
      lines.push({ kind: 'removed', text: a[i++]! })
    } else lines.push({ kind: 'added', text: b[j++]! })
  }
  return lines
}

/** What changed from one text to another, line by line, with a few lines around each change; empty when nothing did. */
export function diffOf(before: string, after: string): DiffLine[] {
  const [a, b] = [before, after].map((text) => text.replace(/\n$/, '').split('\n').slice(0, linesMax)) as [
    string[],
    string[],
  ]
  const lines = wholeDiff(a, b)
  const near = new Set<number>()
  lines.forEach((line, at) => {
    if (line.kind === 'same') return
    for (let k = at - around; k <= at + around; k++) near.add(k)
  })
  const shown: DiffLine[] = []
  lines.forEach((line, at) => {
    if (near.has(at)) shown.push(line)
    else if (near.size > 0 && (at === 0 || near.has(at - 1))) shown.push({ kind: 'left-out', text: '…' })
  })
  return shown
}
