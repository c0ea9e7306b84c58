/** A piece of documentation; `code` in backticks. Written once, for Markdown and for HTML. */
export type Prose = { readonly text: string } | { readonly list: readonly string[] } | { readonly sample: string }

/** For the OpenAPI document. */
export function toMarkdown(prose: readonly Prose[]): string {
  return prose
    .map((piece) => {
      if ('text' in piece) return piece.text
      if ('list' in piece) return piece.list.map((item) => `- ${item}`).join('\n')
      return `\`\`\`\n${piece.sample}\n\`\`\``
    })
    .join('\n\n')
}

export const INTRODUCTION: readonly Prose[] = [
  {
    text:
      'troupe carries out runs of workflows: graphs of tasks, each done by an AI coding agent. Bodies and answers are JSON in ' +
      'UTF-8; every error is `{code, message, details}`, and `code` is stable. Clients ignore properties that they do not know.',
  },
  {
    text:
      'A server that listens beyond loopback wants a token: `Authorization: Bearer TOKEN`. A token may be for reading only; ' +
      'then all that commands is answered with `forbidden`.',
  },
  {
    text:
      'Each view of a run and of a task says in `commands` what is legal now. The answer to a command names the record that ' +
      'it caused, by its `seq`; that record is durable then.',
  },
]

export const RECORDS_PROSE: readonly Prose[] = [
  {
    text:
      'Everything that happens is a record, and nothing else is ever broadcast. A record is sent when it is durable; `seq` ' +
      'counts from 1 in each run without gaps. `from` and `to` are public names of states, a sub-state after a dot ' +
      '(`running.needsInput`).',
  },
  {
    text:
      'The stream is a WebSocket at `/v1/stream` with the subprotocol `troupe.v1`. Each message is one JSON object: ' +
      '`StreamClientMessage` to the server, `StreamServerMessage` from it.',
  },
  {
    list: [
      '`subscribe` asks for the records of `runs` (`["*"]`: of all, also those that begin later) from a place on: `after` is ' +
        '`start`, `now`, or the last cursor. `filter` leaves out tasks and types of records. `id` is the subscription’s own name.',
      '`records` brings them, in order for each run, with the cursor behind them. `caught-up`: what comes now is new.',
      'A cursor is opaque. Subscribing again with the last one, on any connection, also after a restart of the server, ' +
        'loses and repeats nothing.',
      '`resync` comes instead of records to who reads too slowly: its `state` stands for what was left out.',
      '`command` says something to a run or a task, like the operations here; `reply` has its answer. A `reply` with ' +
        '`ok: false` and the id of a subscription ends that subscription.',
    ],
  },
  {
    sample: [
      '> {"type":"subscribe","id":"all","runs":["*"],"after":"now"}',
      '< {"type":"caught-up","subscription":"all","cursor":"eyJ2Ijox…"}',
      '< {"type":"records","subscription":"all","cursor":"eyJ2Ijoy…","records":[{"seq":1,"type":"run",…}]}',
      '> {"type":"command","id":"c1","run":"run_06f2r0m5e8q1w7xk3d","command":{"type":"pause"}}',
      '< {"type":"reply","id":"c1","ok":true,"result":{"run":"run_06f2r0m5e8q1w7xk3d","seq":42,"state":"paused"}}',
    ].join('\n'),
  },
  {
    text:
      'The same records are server-sent events at `/v1/events`: the id of each event is a cursor, so a browser that ' +
      'reconnects with `Last-Event-ID` misses none.',
  },
  {
    text:
      'Where a token is needed, a browser asks for a ticket first (`POST /v1/tickets`). It offers the ticket as a second ' +
      'subprotocol, `troupe.ticket.TICKET`, or gives it as `/v1/events?ticket=TICKET`.',
  },
]
