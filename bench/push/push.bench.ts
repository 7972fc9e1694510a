import { measureDoor, shapes } from './push-load.ts'

const SECONDS = 8

for (const door of Object.keys(shapes)) {
  process.stdout.write(`${JSON.stringify(await measureDoor(door, SECONDS))}\n`)
}
