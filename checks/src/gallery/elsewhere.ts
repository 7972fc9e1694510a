import type { GalleryExample } from './gallery.ts'

/** Examples about what only their reader has: the names in them are to be replaced. */
export const publicWebsite: GalleryExample = {
  id: 'public-website',
  title: 'A public website',
  about: 'Opens a page, looks at its title, text and speed, and asks whether what it links to is there.',
  needs: ['Put in the address of your site and words that its pages have.'],
  definition: {
    name: 'Public website',
    description: 'The front page opens, says what it should, and its links lead somewhere.',
    category: 'Web',
    tags: ['example'],
    schedules: [{ everySeconds: 300 }],
    steps: [
      {
        stepName: 'Front page',
        checkType: 'web_page',
        checkConfiguration: {
          url: 'https://www.example.com/',
          assertions: [
            { of: 'status', is: 'equals', value: 200 },
            { of: 'title', is: 'contains', value: 'Example' },
            { of: 'count', path: 'h1', is: 'at_least', value: 1 },
            { of: 'latency', is: 'less_than', value: 3000 },
          ],
        },
      },
      {
        stepName: 'Links lead somewhere',
        checkType: 'web_page',
        timeoutSeconds: 120,
        checkConfiguration: {
          url: 'https://www.example.com/',
          crawl: { pagesMax: 20, depthMax: 2 },
          assertions: [{ of: 'broken_links', is: 'equals', value: 0 }],
        },
      },
    ],
  },
}

export const databaseFreshness: GalleryExample = {
  id: 'database-freshness',
  title: 'Freshness of a table',
  about: 'Asks a database how old the newest row is, and whether what is unfinished piles up.',
  needs: [
    'Put in the address of your database and the names of your table and its columns.',
    'Put a user that may only read into Settings, Credentials, as orders-db, with the host of the database.',
    'When the database has a private address, let an administrator allow it under Settings, Network.',
  ],
  definition: {
    name: 'Orders arrive',
    description: 'New orders come in, and none waits for too long.',
    category: 'Finance',
    tags: ['example'],
    schedules: [{ cron: '*/5 6-22 * * *', timeZone: 'UTC' }],
    steps: [
      {
        stepName: 'Newest order is fresh',
        key: 'newest',
        checkType: 'sql',
        checkConfiguration: {
          url: 'postgresql://db.example.com:5432/shop',
          tls: 'verify',
          credential: 'orders-db',
          query: 'SELECT max(created_at) AS newest FROM orders',
          assertions: [{ of: 'age', path: 'newest', is: 'at_most', value: 900 }],
        },
      },
      {
        stepName: 'Nothing waits for long',
        key: 'waiting',
        checkType: 'sql',
        checkConfiguration: {
          url: 'postgresql://db.example.com:5432/shop',
          tls: 'verify',
          credential: 'orders-db',
          query: "SELECT count(*) AS waiting FROM orders WHERE status = $1 AND created_at < now() - interval '1 hour'",
          parameters: ['open'],
          assertions: [{ of: 'value', is: 'at_most', value: 10 }],
          extract: { waiting: { of: 'value' } },
        },
      },
    ],
  },
}

export const certificateAndDns: GalleryExample = {
  id: 'certificate-and-dns',
  title: 'Certificate and name',
  about: 'Looks a name up and reads the certificate behind it: is it trusted, and for how many days yet?',
  needs: ['Put in the name of your site.'],
  definition: {
    name: 'Certificate and name',
    description: 'The name leads somewhere, and its certificate does not run out this fortnight.',
    category: 'Web',
    tags: ['example'],
    schedules: [{ everySeconds: 3600 }],
    steps: [
      {
        stepName: 'Name is known',
        key: 'name',
        checkType: 'dns',
        checkConfiguration: {
          name: 'www.example.com',
          type: 'A',
          assertions: [{ of: 'count', is: 'at_least', value: 1 }],
        },
      },
      {
        stepName: 'Certificate is good',
        key: 'certificate',
        checkType: 'tls',
        checkConfiguration: {
          host: 'www.example.com',
          daysLeftMin: 14,
          extract: { days: { of: 'days_left' }, issuer: { of: 'issuer' } },
        },
      },
    ],
  },
}
