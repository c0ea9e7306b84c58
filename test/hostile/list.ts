/** Every place to which text of an agent goes, and the tests that prove it is data there. A place without a row does not compile. */

const PROMPTS = 'hostile/prompts.test.ts'
const TERMINAL = 'hostile/terminal.test.ts'
const RECORDS = 'hostile/records.test.ts'
const SERVED = 'hostile/served.test.ts'
const SIZES = 'hostile/sizes.test.ts'
const DECISIONS = 'hostile/decisions.test.ts'
const RETURNED = 'is data in every prompt that it goes into: %s'
const DRAWN = 'holds nothing that a terminal obeys, and no line of their own'
const PRINTED = 'are printed whole without what a terminal obeys, whichever part of them there is'
const ANSWERED = 'is JSON as the description says, whatever is asked, and a line of JSON each in the log'
const STREAMED = 'is one event of the stream each, over Server-Sent Events and over WebSocket: none that nobody sent'
const PAGES = 'is in no page, and no label of the metrics'

/** Where text of an agent comes in or goes. */
export const PLACES = [
  'the prompt of a task that reads it',
  'the items of a forEach, and conditions',
  'the names of branches and web addresses',
  'the manager’s turn',
  'a decision: prompts, ids, needs, roles, reasons',
  'what a planned task is told of its needs',
  'the repair of a report',
  'what a check of its work printed',
  'the next attempt after a failure: its words and its log',
  'a question, an answer',
  'templates, filters, tags',
  'the tree, show, the summary, plain lines, questions at a terminal',
  'results and logs at a terminal',
  'alerts and short texts of records',
  'records and journal',
  'names of files',
  'keys of objects: __proto__, constructor',
  'metrics and files that reports claim',
  'answers of REST',
  'Server-Sent Events and WebSocket',
  'pages',
  'labels of the metrics',
  'lines of the log',
  'sizes: 10 MB',
  'a report in a hostile text',
] as const

/** A file below `test/` and titles of tests in it. */
type Tests = readonly (readonly [file: string, ...titles: string[]])[]

export const PROVEN: Readonly<Record<(typeof PLACES)[number], Tests>> = {
  'the prompt of a task that reads it': [
    [PROMPTS, RETURNED],
    [
      'workflow/template.test.ts',
      'puts a result between fence lines that it cannot close, with troupe’s marks taken apart',
    ],
    ['workflow/template.test.ts', 'quotes short values of an agent in the line, and leaves troupe’s own words bare'],
  ],
  'the items of a forEach, and conditions': [
    [PROMPTS, RETURNED],
    [SIZES, 'fails the task whose template would make too much of it, and says so'],
  ],
  'the names of branches and web addresses': [
    [PROMPTS, 'reaches no branch line but as a quoted name, and no web address that is none'],
  ],
  'the manager’s turn': [
    [PROMPTS, RETURNED],
    [DECISIONS, 'hands the results of its tasks on as data, to others and to itself'],
  ],
  'a decision: prompts, ids, needs, roles, reasons': [
    [
      DECISIONS,
      'has its tasks carried out with its words as they are, and nothing in them means anything',
      'is told why as data where an id, a need or a role is such a text (%s)',
    ],
    [
      'planning-refusals.test.ts',
      'is taken literally: no template, no mark, no script of a prompt means anything',
      'is refused whole where it goes too far: %s',
    ],
    ['workflow/objective.test.ts', 'never reads the text of a person as a template'],
  ],
  'what a planned task is told of its needs': [
    [DECISIONS, 'hands the results of its tasks on as data, to others and to itself'],
  ],
  'the repair of a report': [
    [PROMPTS, 'is asked for again as data where its report does not fit or says that it failed'],
  ],
  'what a check of its work printed': [['turn-texts.test.ts', 'is data, whatever the command printed: %s']],
  'the next attempt after a failure: its words and its log': [
    [PROMPTS, 'is told to the next attempt as data, its log and its words, and to a person'],
  ],
  'a question, an answer': [[TERMINAL, DRAWN]],
  'templates, filters, tags': [
    [
      'workflow/template.test.ts',
      'never takes text of an agent for a template',
      'quotes what comes from an agent by way of filters, assign, for and capture too',
    ],
    ['workflow/template.test.ts', 'reaches nothing behind the values'],
  ],
  'the tree, show, the summary, plain lines, questions at a terminal': [[TERMINAL, DRAWN]],
  'results and logs at a terminal': [[TERMINAL, PRINTED]],
  'alerts and short texts of records': [[TERMINAL, DRAWN]],
  'records and journal': [
    [RECORDS, 'are one line of JSON each, on the disk as when they are told, and the same for who reads them there'],
  ],
  'names of files': [[RECORDS, 'name no file but troupe’s own, and what they hold is kept whole']],
  'keys of objects: __proto__, constructor': [
    [
      RECORDS,
      'put nothing into the prototype of what reads them, and every number of a report counts under its own name',
    ],
    ['actors/parse-report.test.ts', 'cannot smuggle anything into the prototype of what reads it'],
  ],
  'metrics and files that reports claim': [
    [
      RECORDS,
      'put nothing into the prototype of what reads them, and every number of a report counts under its own name',
    ],
  ],
  'answers of REST': [[SERVED, ANSWERED]],
  'Server-Sent Events and WebSocket': [[SERVED, STREAMED]],
  pages: [
    [SERVED, PAGES],
    ['server/machine-pages.test.ts', 'puts whatever comes from outside into the page as text'],
    ['api/docs-page.test.ts', 'escapes what it is given'],
  ],
  'labels of the metrics': [[SERVED, PAGES]],
  'lines of the log': [[SERVED, ANSWERED]],
  'sizes: 10 MB': [
    [SIZES, 'is cut to 16 KB where it is read, kept whole, and bounded in every record'],
    [
      'workflow/template.test.ts',
      'stops a template that grows without bound (%#)',
      'cuts a long result to 16 KB and says how much is missing',
    ],
  ],
  'a report in a hostile text': [
    ['actors/parse-report.test.ts', 'is read in linear time: %s', 'still has its report at the end'],
  ],
}
