import type { RequestProblem } from './body.ts'

/** What a door answers. */
export interface Answer {
  readonly status: number
  /** Empty with an empty body. */
  readonly contentType: string
  readonly body: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Word for the counter of requests. */
  readonly outcome: string
}

/** How a door says that it does not take a request. */
export type Refuse = (problem: RequestProblem, headers: Readonly<Record<string, string>>) => Answer

const titles: Readonly<Record<RequestProblem['status'], string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

/** RFC 9457; `more` are members that say what was taken all the same. */
export function problemJson(
  { status, reason, detail }: RequestProblem,
  headers: Readonly<Record<string, string>> = {},
  more: object = {},
): Answer {
  const body = JSON.stringify({
    type: `/problems/${reason.replaceAll('_', '-')}`,
    title: titles[status],
    status,
    code: reason,
    detail,
    ...more,
  })
  return { status, contentType: 'application/problem+json', body, headers, outcome: reason }
}

/** A line of text, as senders of Prometheus put it into their log. */
export function plainText(status: number, text: string, outcome: string, headers: Answer['headers'] = {}): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n`, headers, outcome }
}

export const nothing = (outcome: string): Answer => ({ status: 204, contentType: '', body: '', outcome })

/** The bus does not confirm: what was sent is not lost, if it is sent again. */
export const unavailable: RequestProblem = {
  status: 503,
  reason: 'bus_unavailable',
  detail: 'What was sent cannot be stored now; send it again',
}
