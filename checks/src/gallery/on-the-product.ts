import type { GalleryExample, GalleryPlace } from './gallery.ts'

/** Driftline watches itself: is it ready, does its API answer, does it count, is its port open. */
export function driftlineItself({ productHost, productPort }: GalleryPlace): GalleryExample {
  return {
    id: 'driftline-itself',
    title: 'Driftline itself',
    about: 'Asks this installation whether it is ready, reads its API and its own metrics, and tries its port.',
    needs: [],
    definition: {
      name: 'Driftline itself',
      description: 'The product checks itself: readiness, API, metrics and port.',
      category: 'Operations',
      tags: ['example'],
      schedules: [{ everySeconds: 60 }],
      steps: [
        {
          stepName: 'Ready',
          checkType: 'rest',
          checkConfiguration: {
            url: '{{product.url}}/readyz',
            assertions: [
              { of: 'status', is: 'equals', value: 200 },
              { of: 'latency', is: 'less_than', value: 2000 },
            ],
          },
        },
        {
          stepName: 'API answers',
          key: 'api',
          checkType: 'rest',
          checkConfiguration: {
            url: '{{product.url}}/api/v1/openapi.json',
            assertions: [
              { of: 'status', is: 'equals', value: 200 },
              { of: 'json', path: '$.openapi', is: 'matches', value: '^3\\.' },
            ],
            extract: { version: { of: 'json', path: '$.info.version' } },
          },
        },
        {
          stepName: 'Web app opens',
          checkType: 'web_page',
          checkConfiguration: {
            url: '{{product.url}}/',
            respectRobots: false,
            assertions: [{ of: 'title', is: 'contains', value: 'Driftline' }],
          },
        },
        {
          stepName: 'Metrics are counted',
          key: 'metrics',
          checkType: 'rest',
          description: 'Answered without a key only to the machine that Driftline runs on.',
          checkConfiguration: {
            url: '{{product.url}}/metrics',
            assertions: [{ of: 'body', is: 'matches', value: '(?m)^driftline_process_start_time_seconds \\d' }],
          },
        },
        {
          stepName: 'Port is open',
          key: 'port',
          checkType: 'tcp',
          checkConfiguration: { host: productHost, port: productPort },
        },
      ],
    },
  }
}

/** Conditions on what is known already: no target is asked. */
export function ownHost({ host }: GalleryPlace): GalleryExample {
  const process = host === '' ? 'host:web-1' : host
  return {
    id: 'own-host',
    title: 'A host and its log',
    about: 'Conditions on what Driftline knows: CPU and memory of a host, and no errors in a log.',
    needs: [
      ...(host === '' ? ['Put in the process id of a host that you watch, such as host:web-1.'] : []),
      'Put in the process id of a log that you watch in place of log:app, or take that step out.',
    ],
    definition: {
      name: 'A host and its log',
      description: 'Is the host alive, does it have room, and is its log quiet?',
      category: 'Operations',
      tags: ['example'],
      schedules: [{ everySeconds: 60 }],
      steps: [
        {
          stepName: 'CPU has room',
          key: 'cpu',
          checkType: 'metric',
          checkConfiguration: {
            process,
            metric: 'system.cpu.utilization',
            aggregation: 'mean',
            overSeconds: 300,
            assertions: [{ of: 'value', is: 'at_most', value: 0.95 }],
            extract: { share: { of: 'value' } },
          },
        },
        {
          stepName: 'Memory has room',
          key: 'memory',
          checkType: 'metric',
          checkConfiguration: {
            process,
            metric: 'system.memory.utilization',
            overSeconds: 120,
            assertions: [
              { of: 'value', is: 'at_most', value: 0.97 },
              { of: 'age', is: 'at_most', value: 60 },
            ],
          },
        },
        {
          stepName: 'No errors in the log',
          key: 'log',
          checkType: 'log',
          checkConfiguration: {
            process: 'log:app',
            severityAtLeast: 'error',
            withinSeconds: 300,
            assertions: [{ of: 'count', is: 'at_most', value: 0 }],
          },
        },
      ],
    },
  }
}
