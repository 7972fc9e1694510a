// Says clearly what is missing before npm says it at length.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Driftline needs Node.js 20.19 or later; this is ${process.versions.node}.\n`)
  process.exit(1)
}
