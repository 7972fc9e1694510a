import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultStreamingConfig } from '../../../services/analyzer/src/detectors/streaming/config.ts'
import { alarmScore, createStreaming } from '../../../services/analyzer/src/detectors/streaming/streaming.ts'
import { stampToMs } from './series.ts'

const DETECTOR = 'driftline'
const HEADER = 'timestamp,value,anomaly_score,label'
const USAGE = 'usage: npm run bench:nab -- --nab DIR --out DIR'

/** What is wrong with the call or the data: told in one line, without a stack. */
class Complaint extends Error {}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new Complaint(`cannot read ${what} at ${path}`, { cause })
  }
}

/** The names of the data files: the keys of the windows, whose values are not looked at. */
function fileNames(nab: string): string[] {
  const path = join(nab, 'labels', 'combined_windows.json')
  const text = readText(path, 'the list of files')
  try {
    return Object.keys(JSON.parse(text) as Record<string, unknown>)
  } catch (cause) {
    throw new Complaint(`${path} is not JSON`, { cause })
  }
}

/** The rows of one file with their scores: each judged from the rows before it alone. */
function scored(csv: string): string[] {
  const detector = createStreaming(defaultStreamingConfig)
  const lines = csv.split(/\r?\n/).filter((line) => line !== '')
  const out = [HEADER]
  for (const line of lines.slice(1)) {
    const [stamp = '', value = ''] = line.split(',')
    detector.observe(0, stampToMs(stamp), Number(value))
    out.push(`${stamp},${value},${detector.score},0`)
  }
  return out
}

function main(): void {
  const { values } = parseArgs({ options: { nab: { type: 'string' }, out: { type: 'string' } }, strict: true })
  if (!values.nab || !values.out) throw new Complaint(USAGE)
  const names = fileNames(values.nab)
  let rows = 0
  const started = process.hrtime.bigint()
  for (const name of names) {
    const out = scored(readText(join(values.nab, 'data', name), 'a data file'))
    rows += out.length - 1
    const folder = join(values.out, DETECTOR, dirname(name))
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${DETECTOR}_${basename(name)}`), `${out.join('\n')}\n`)
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  process.stdout.write(
    `${names.length} files, ${rows} rows, ${seconds.toFixed(1)} s; results in ${join(values.out, DETECTOR)}\n` +
      `default threshold: an anomaly_score of ${alarmScore} or more is an alarm\n` +
      `score it: node score.mjs --nab ${values.nab} --results ${values.out} --threshold ${alarmScore} --groups ${DETECTOR}\n`,
  )
}

try {
  main()
} catch (error) {
  const usage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  if (!(error instanceof Complaint) && !usage) throw error
  process.stderr.write(`bench:nab: ${error.message}\n${usage ? `${USAGE}\n` : ''}`)
  process.exitCode = 2
}
