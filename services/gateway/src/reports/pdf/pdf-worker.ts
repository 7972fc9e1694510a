import { parentPort } from 'node:worker_threads'
import type { ReportDocument } from '../document/blocks.ts'
import { renderPdf } from './render-pdf.ts'

// The thread that makes PDFs: each message is a document, each answer its PDF.
parentPort?.on('message', async (document: ReportDocument) => {
  const rendered = await renderPdf(document)
  parentPort?.postMessage(rendered, [rendered.bytes.buffer])
})
