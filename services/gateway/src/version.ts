import gatewayPackage from '../package.json' with { type: 'json' }

export const VERSION: string = gatewayPackage.version

/** Tenant of a fresh installation, and of what nobody has signed in to. */
export const DEFAULT_TENANT = 'default'
