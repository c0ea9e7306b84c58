import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { ERROR_CODES } from '../../src/api/errors.ts'
import type { openApiDocument } from '../../src/api/openapi.ts'
import { DOCUMENTED } from '../../src/api/operations.ts'
import { RUN, serveApi } from '../support/api-fixture.ts'

/** As whoever asks for it gets it. */
async function served() {
  const { body } = await serveApi().ask('GET', '/openapi.json')
  return body as ReturnType<typeof openApiDocument>
}

/** Every value of `$ref` in a document. */
function refsIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : refsIn(inner),
  )
}

describe('the OpenAPI document', () => {
  it('is a valid one of version 3.1', async () => {
    const validator = new Validator()
    const result = await validator.validate(JSON.parse(JSON.stringify(await served())))
    expect([result.valid, result.errors, validator.version]).toEqual([true, undefined, '3.1'])
  })

  it('has no reference that leads nowhere, and no schema that nobody refers to', async () => {
    const document = await served()
    const defined = Object.keys(document.components.schemas).map((id) => `#/components/schemas/${id}`)
    const used = new Set(refsIn(document))
    expect([...used].filter((ref) => !defined.includes(ref))).toEqual([])
    // Named in prose: what a stream says, and what an error's details hold.
    const inProse = ['Problem', 'StreamClientMessage', 'StreamServerMessage'].map((id) => `#/components/schemas/${id}`)
    expect(defined.filter((ref) => !used.has(ref)).sort()).toEqual(inProse)
  })

  it('says of every operation what it is for, who may ask and what can go wrong', async () => {
    const { paths, security } = await served()
    expect(security).toEqual([{ token: [] }])
    const open: unknown[] = []
    for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
      expect(operation['summary']).toMatch(/^[A-Z].*[^.]$/)
      expect(Object.keys(operation['responses'] ?? {})).toEqual(expect.arrayContaining(['400', '421', '500']))
      if (operation['security']) open.push(operation['operationId'])
    }
    expect(open).toEqual(['readOpenApi', 'readDocs', 'receiveCodegenWebhook', 'readHealth', 'readReadiness'])
  })

  it('knows every code that an error may have', async () => {
    const text = JSON.stringify(await served())
    const codes = Object.keys(ERROR_CODES).filter((code) => !text.includes(`\`${code}\`: `))
    // Of no operation, and of clients themselves.
    expect(codes).toEqual(['method-not-allowed', 'holder-gone', 'no-answer'])
  })

  it('lets queries be read as they are checked', async () => {
    const { paths } = await served()
    expect(paths['/v1/runs/{run}/records']?.['get']?.['parameters']).toEqual([
      {
        name: 'run',
        in: 'path',
        required: true,
        description: 'Id of a run.',
        schema: { type: 'string' },
        example: expect.any(String),
      },
      {
        name: 'after',
        in: 'query',
        description: expect.any(String),
        schema: { type: 'integer', minimum: 0 },
      },
      {
        name: 'limit',
        in: 'query',
        description: expect.any(String),
        schema: { type: 'integer', minimum: 0, maximum: 5000 },
      },
    ])
  })

  it('is of the version that serves it', async () => {
    expect((await served()).info.version).toBe('1.2.3')
    expect(Object.keys((await served()).paths)).toEqual([...new Set(DOCUMENTED.map(([, { path }]) => path))])
  })
})

describe('the check of answers against the document', () => {
  const { contract, orchestrator } = serveApi()
  const url = `http://127.0.0.1/v1/runs/${RUN}`
  const view = orchestrator.view(RUN)
  const answer = (body: unknown, status = 200, type = 'application/json', etag = '"1"') =>
    new Response(JSON.stringify(body), { status, headers: { 'content-type': type, etag } })

  it('lets pass what is right', async () => {
    await contract.check('GET', url, answer(view))
  })

  it.each([
    ['a property that the document does not know', answer({ ...view, secret: 1 })],
    ['a property of another type', answer({ ...view, seq: '1' })],
    ['a property that is missing', answer({ ...view, tasks: undefined })],
    ['a mistake deep inside', answer({ ...view, tasks: [{ ...view.tasks[0], attempts: [{ attempt: 0 }] }] })],
    ['an unknown status', answer(view, 202)],
    ['an unknown type', answer(view, 200, 'text/plain')],
    ['an error of another form', answer({ error: 'x' }, 404)],
  ])('finds %s', async (_what, response) => {
    await expect(contract.check('GET', url, response)).rejects.toThrow(RUN)
  })

  it('finds a header that is missing', async () => {
    const response = new Response(JSON.stringify(view), { headers: { 'content-type': 'application/json' } })
    await expect(contract.check('GET', url, response)).rejects.toThrow('ETag')
  })
})
