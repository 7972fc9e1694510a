import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers } from 'pino'

export type Logger = PinoLogger

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof logLevels)[number]

/** JSON lines with levels on standard error; fields that name a secret are censored wherever they stand one level deep. */
export function createLogger(level: LogLevel, destination: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause },
      redact: {
        paths: ['password', 'token', 'secret', 'secrets', 'privateKey', 'apiKey', 'authorization', 'cookie'].flatMap(
          (key) => [key, `*.${key}`],
        ),
        censor: '[censored]',
      },
    },
    destination,
  )
}
