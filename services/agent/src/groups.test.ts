import { describe, expect, it } from 'vitest'
import { groupName, type RawIdentity } from './groups.ts'

const plain: RawIdentity = {
  pid: 42,
  parentPid: 1,
  name: '',
  args: [],
  executable: '',
  user: 'app',
  unit: '',
  container: '',
  kernelThread: false,
}

/** Command lines are written as one text here; `|` stands between arguments where blanks are part of one. */
function run(executable: string, command: string, more: Partial<RawIdentity> = {}): string {
  const args = command.split(command.includes('|') ? '|' : ' ')
  const name = executable.slice(executable.lastIndexOf('/') + 1).slice(0, 15)
  return groupName({ ...plain, name, executable, args, ...more })
}

describe('group of an instance', () => {
  it.each([
    [
      'unit before all',
      '/usr/bin/python3.12',
      'python3 /srv/etl.py',
      { unit: 'etl-nightly', container: 'x' },
      'etl-nightly',
    ],
    ['container before script', '/usr/bin/node', 'node server.js', { container: 'shop-web' }, 'shop-web'],
    ['executable', '/usr/sbin/nginx', 'nginx: worker process', {}, 'nginx'],
    ['executable that was replaced', '/usr/sbin/sshd (deleted)', 'sshd: root@pts/0', {}, 'sshd'],
    ['login shell', '/usr/bin/bash', '-bash', {}, 'bash'],
    ['busybox applet', '/bin/busybox', 'crond -f', { name: 'crond' }, 'crond'],
    ['executable in memory', '/memfd:sealed-91173221a7ea (deleted)', 'tools/backend --uid 0', {}, 'backend'],
    ['backslashes of Windows', 'C:\\Program Files\\App\\app.exe', 'app.exe', { name: 'app.exe' }, 'app.exe'],
  ])('%s', (_, executable, command, more, expected) => {
    expect(run(executable, command, more)).toBe(expected)
  })

  it.each([
    ['python3 etl.py', 'etl.py'],
    ['python3 -u -X dev /srv/jobs/etl.py --day 1', 'etl.py'],
    ['python3 -m http.server 8000', 'http.server'],
    ['python3|-c|import time; time.sleep(9)', 'python3.12'],
    ['python3|-Ic|print(1)', 'python3.12'],
    ['python3 -', 'python3.12'],
    ['python3', 'python3.12'],
    ['python3 -W ignore -- /opt/x/run.py', 'run.py'],
    ['/usr/bin/python3 /usr/bin/supervisord -n', 'supervisord'],
  ])('python: %s', (command, expected) => {
    expect(run('/usr/bin/python3.12', command)).toBe(expected)
  })

  it.each([
    ['node server.js', 'server.js'],
    ['node --max-old-space-size=512 --enable-source-maps dist/main.js', 'main.js'],
    ['node -r dotenv/config --import ./otel.mjs app.mjs', 'app.mjs'],
    ['node -e setTimeout()', 'node'],
    ['node --test', 'node'],
    ['node', 'node'],
  ])('node: %s', (command, expected) => {
    expect(run('/usr/bin/node', command)).toBe(expected)
  })

  it('knows a process that renamed itself by the first word of its title', () => {
    expect(run('/usr/bin/node', '', { args: ['npm run dev'] })).toBe('npm')
    expect(run('/usr/bin/node', '', { args: ['my-api: worker 3'] })).toBe('my-api')
    expect(run('/usr/bin/python3.12', '', { args: ['gunicorn: master [shop]'] })).toBe('gunicorn')
  })

  it.each([
    ['/usr/bin/java', 'java -jar /opt/jenkins.war --httpPort=8080', 'jenkins.war'],
    ['/usr/bin/java', 'java -Xmx1g -cp a.jar:b.jar com.acme.Main arg', 'com.acme.Main'],
    ['/usr/bin/java', 'java --module-path mods -m com.acme/com.acme.App', 'com.acme.App'],
    ['/usr/bin/java', 'java -classpath x -Dpassword=1 kafka.Kafka server.properties', 'kafka.Kafka'],
    ['/usr/bin/ruby3.1', 'ruby -I lib bin/rails server', 'rails'],
    ['/usr/bin/ruby3.1', 'ruby -e puts', 'ruby3.1'],
    ['/usr/bin/perl', 'perl -w -I /x /usr/bin/exim_tidydb', 'exim_tidydb'],
    ['/usr/bin/perl', 'perl -ne print', 'perl'],
    ['/usr/bin/bash', 'bash /opt/backup.sh --full', 'backup.sh'],
    ['/usr/bin/bash', 'bash -x -o pipefail ./deploy.sh', 'deploy.sh'],
    ['/usr/bin/dash', 'sh -c sleep', 'dash'],
    ['/usr/bin/bash', 'bash -lc make', 'bash'],
    ['/usr/bin/bash', 'bash /dev/fd/3', 'bash'],
    ['/usr/bin/php8.2', 'php artisan queue:work', 'artisan'],
    ['/usr/bin/php8.2', 'php -d memory_limit=1G -f cron.php', 'cron.php'],
    ['/usr/bin/php8.2', 'php -r phpinfo();', 'php8.2'],
    ['/usr/local/bin/deno', 'deno run --allow-net main.ts', 'main.ts'],
    ['/usr/local/bin/bun', 'bun run index.ts', 'index.ts'],
    ['/usr/bin/lua5.4', 'lua5.4 bot.lua', 'bot.lua'],
  ])('%s: %s', (executable, command, expected) => {
    expect(run(executable, command)).toBe(expected)
  })

  it('puts all kernel threads into one group', () => {
    expect(groupName({ ...plain, name: 'kworker/0:1', kernelThread: true })).toBe('kernel')
  })

  it('completes a cut name from the first argument where the executable is hidden', () => {
    const name = 'prometheus-node'
    expect(groupName({ ...plain, name, args: ['/usr/bin/prometheus-node-exporter', '--web'] })).toBe(
      'prometheus-node-exporter',
    )
    expect(groupName({ ...plain, name, args: ['something else'] })).toBe(name)
    expect(groupName({ ...plain, name: 'nginx', args: ['nginx: master process'] })).toBe('nginx')
  })

  it('always has a name, of bounded length', () => {
    expect(groupName(plain)).toBe('pid-42')
    expect(groupName({ ...plain, name: 'x', unit: '\u{1f600}'.repeat(500) })).toBe('\u{1f600}'.repeat(128))
    expect(groupName({ ...plain, name: '<b>)(\n' })).toBe('<b>)(\n')
  })
})
