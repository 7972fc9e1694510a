import type { PushDoor } from '../../api/source-types.ts'

export interface PushCommand {
  readonly title: string
  readonly text: string
}

/** Ready to run with the address of this server; `key` stands where a real one has not been made yet. */
export function pushCommands(door: PushDoor, origin: string, key: string): PushCommand[] {
  const auth = `-H 'Authorization: Bearer ${key}'`
  switch (door) {
    case 'samples':
      return [
        {
          title: 'JSON',
          text: `curl ${auth} -H 'Content-Type: application/json' \\\n  -d '[{"process": "service:shop", "metric": "queue.length", "value": 42}]' \\\n  ${origin}/api/v1/ingest/samples`,
        },
        {
          title: 'CSV',
          text: `printf 'process,metric,value,unit\\nservice:shop,queue.length,42,{item}\\n' | \\\n  curl ${auth} -H 'Content-Type: text/csv' --data-binary @- \\\n  ${origin}/api/v1/ingest/samples`,
        },
      ]
    case 'records':
      return [
        {
          title: 'Business records',
          text: `curl ${auth} -H 'Content-Type: application/json' \\\n  -d '[{"process": "service:payments", "attributes": {"amount": 184500, "currency": "INR"}}]' \\\n  ${origin}/api/v1/ingest/records`,
        },
      ]
    case 'otlp':
      return [
        {
          title: 'Environment of an OpenTelemetry SDK',
          text: `OTEL_EXPORTER_OTLP_ENDPOINT=${origin}\nOTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\nOTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20${key}`,
        },
        {
          title: 'OpenTelemetry Collector',
          text: `exporters:\n  otlphttp:\n    endpoint: ${origin}\n    headers:\n      authorization: Bearer ${key}`,
        },
      ]
    case 'remote-write':
      return [
        {
          title: 'prometheus.yml',
          text: `remote_write:\n  - url: ${origin}/api/v1/prometheus/write\n    authorization:\n      credentials: ${key}`,
        },
      ]
  }
}
