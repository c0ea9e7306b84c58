/** The troubles that troupe must survive, and the tests that say what happens then. A trouble without a row does not compile. */

/** Every trouble, by theme. */
export const TROUBLES = {
  'the provider’s answers': [
    'an operation of the API, each',
    'a status in any case and spelling',
    'either of two error shapes',
    'either of two date forms',
    'nulls and string ids',
    'a status that nobody knows, for ever',
    'pages beyond 100, and runs that arrive while paging',
    'logs that are read in reverse, by the alpha path',
    'images from files that cannot be sent',
    'model, agent type and a webhook of its own',
  ],
  'webhooks as hints': [
    'a webhook that comes late',
    'a webhook that comes twice',
    'a webhook that is forged',
    'a webhook that is not signed',
    'a webhook that never comes',
    'a webhook whose header and encoding nobody documents',
    'a webhook that is replayed',
    'a webhook with a body without end',
    'a webhook that claims that an agent has ended',
    'a flood of webhooks',
  ],
  'creation in doubt': [
    'an answer lost after the agent run was created',
    'a time-out before the create reached the server',
    'a crash before the call',
    'a crash during the call',
    'a crash after the call',
    'a crash before the answer is on disk',
    'a crash while the agent run is looked for',
    'metadata that is not echoed',
    'an agent run that is listed late',
    'two candidates for one create',
    'a list that cannot be read',
    'a list that moves while it is read',
    'a list whose filters hide the agent run',
    'a provider whose clock is not ours',
    'an answer to a create that is about another agent run',
    'an answer that comes after it was given up',
    'an attempt that was given up and is found beside its successor',
    'a cancel while a create is in doubt',
    'a crash while a cancel settles a create',
    'a manager whose create is in doubt',
    'an agent run that is deleted between being found and being read',
  ],
  'turns in doubt': [
    'a stale COMPLETE after a resume',
    'a prompt of which nobody knows whether it arrived',
    'a prompt that nobody can look up',
    'a prompt that arrives twice',
    'a crash around a prompt',
  ],
  'recovery from failures': [
    'a failure of any status, HTTP code or log text',
    'TIMEOUT, MAX_ITERATIONS_REACHED, OUT_OF_TOKENS',
    'PAUSED',
    'CANCELLED from outside',
    'an agent run that vanished (404)',
    'failures in a row: backoff',
    'a storm of retries against one account',
  ],
  'stuck, late, dead': [
    'a deadline where the agent cannot be stopped',
    'a deadline with onTimeout',
    'a deadline that passes while no process runs',
    'an agent without a sign of life',
    'the late completion of an attempt that was given up',
    'a poll that answers garbage',
    'a poll that answers stale data',
    'a result that a stale read does not show any more',
  ],
  'crashes and disks': [
    'SIGKILL at random and at chosen points',
    'a full disk',
    'a journal torn at every byte of its last lines',
    'a flipped byte in the middle',
    'a missing checkpoint',
    'an older checkpoint with newer segments',
    'a clock that goes backwards',
  ],
} as const

type Themes = typeof TROUBLES
/** A trouble's sentence. */
type Trouble = Themes[keyof Themes][number]
/** A file below `test/`, and the titles in it, as they are written there. */
type Told = readonly [file: string, ...titles: string[]]

const DOUBT = 'trouble/creation-in-doubt.test.ts'
const TURNS = 'trouble/turns-in-doubt.test.ts'
const LATE = 'trouble/late-and-dead.test.ts'
const HINTS = 'webhook-hints.test.ts'
const WEBHOOK = 'backends/codegen/webhook.test.ts'
const FIND = 'backends/codegen/codegen-find.test.ts'
const CLIENT = 'backends/codegen/codegen-client.test.ts'
const SCHEMAS = 'backends/codegen/codegen-schemas.test.ts'
const AGENT = 'agent-trouble.test.ts'
const FAULTS = 'simulation/faults.test.ts'

/** Which tests say what happens. */
export const TOLD: Readonly<Record<Trouble, readonly Told[]>> = {
  'an operation of the API, each': [
    [CLIENT, 'goes to the path and through the buckets that the API has for it'],
    ['backends/codegen/codegen-account.test.ts', 'goes to the path and through the buckets that the API documents'],
  ],
  'a status in any case and spelling': [[SCHEMAS, 'takes %s for %s']],
  'either of two error shapes': [[CLIENT, 'reads the quota from %s', 'flattens the list of mistakes of a 422']],
  'either of two date forms': [[SCHEMAS, 'reads %s as UTC']],
  'nulls and string ids': [[SCHEMAS, 'needs no more than an id, and makes null what is of another kind']],
  'a status that nobody knows, for ever': [
    [
      'unknown-status.test.ts',
      'an agent run whose status stays %s is watched until its deadline, then put before a person, and never paid for twice',
    ],
  ],
  'pages beyond 100, and runs that arrive while paging': [
    [FIND, 'is found behind runs that arrive while the list is read'],
    ['backends/codegen/codegen-watcher.test.ts', 'the same when they keep arriving'],
  ],
  'logs that are read in reverse, by the alpha path': [
    ['backends/codegen/codegen-logs.test.ts', 'shows no entry twice when more are written meanwhile'],
    ['backends/codegen/codegen-contract.test.ts', 'reads the alpha logs'],
  ],
  'images from files that cannot be sent': [
    ['backends/image-file.test.ts', 'that cannot be sent fails with its name and why: %s'],
  ],
  'model, agent type and a webhook of its own': [
    ['backends/codegen/codegen-backend.test.ts', 'sends model, agent type and the number of a repository'],
    [CLIENT, 'goes with each create and each resume'],
  ],

  'a webhook that comes late': [[HINTS, 'change nothing when they come late or twice']],
  'a webhook that comes twice': [[HINTS, 'change nothing when they come late or twice']],
  'a webhook that is forged': [[HINTS, 'change nothing but that wait when they are %s', 'forged']],
  'a webhook that is not signed': [
    [HINTS, 'change nothing but that wait when they are %s', 'unsigned'],
    [WEBHOOK, 'is refused %s, wakes nothing, and is not told why'],
  ],
  'a webhook that never comes': [[HINTS, 'change nothing but that wait when they are %s', 'dropped']],
  'a webhook whose header and encoding nobody documents': [
    [WEBHOOK, 'may carry its signature in %s, in a header of any name'],
    [WEBHOOK, 'is checked byte by byte as it came, and its time and type are not looked at'],
  ],
  'a webhook that is replayed': [[WEBHOOK, 'is answered, and wakes nothing for five minutes']],
  'a webhook with a body without end': [
    [WEBHOOK, 'takes 256 KiB and refuses a byte more, whether its length was said or not'],
  ],
  'a webhook that claims that an agent has ended': [
    [HINTS, 'never decide: what one says of an agent run that works on is not believed'],
  ],
  'a flood of webhooks': [[HINTS, 'cost one read in 5 s for an agent run, and none for others, however many come']],

  'an answer lost after the agent run was created': [
    [DOUBT, 'costs no second one: it is found and adopted, when %s'],
    [DOUBT, 'is settled each time: one agent, created once: %s'],
  ],
  'a time-out before the create reached the server': [
    [DOUBT, 'is sent again only once it is absent after the whole grace time: %s'],
  ],
  'a crash before the call': [[DOUBT, 'before the call', 'it is created once, after the grace time']],
  'a crash during the call': [[DOUBT, 'during it', 'what arrives all the same is adopted']],
  'a crash after the call': [
    [DOUBT, 'after it', 'what was created is adopted'],
    [FAULTS, '%s a create or a prompt reaches the account (call %i): it is made once'],
  ],
  'a crash before the answer is on disk': [[DOUBT, 'before the answer is on disk', 'what was created is adopted']],
  'a crash while the agent run is looked for': [[DOUBT, 'while it is looked for: it is looked for again, and adopted']],
  'metadata that is not echoed': [
    [DOUBT, 'leaves the mark in the first user message of the logs: the agent run is found by it'],
    [DOUBT, 'leaves the create in doubt as long as the logs cannot be read either: nothing is created'],
  ],
  'an agent run that is listed late': [
    [DOUBT, 'is adopted when it appears within the grace time'],
    [DOUBT, 'is paid for beside a second one when it appears after the grace time, which --grace lengthens'],
  ],
  'two candidates for one create': [
    [DOUBT, 'are settled by their age: the older is adopted, the other is reported and watched to its end%s'],
    [DOUBT, 'are said in a cancel, too'],
  ],
  'a list that cannot be read': [
    [DOUBT, 'settles nothing: a person is asked, nothing is created, and `wait` looks again: it %s'],
    [FIND, 'is unknown when the list says that it has runs and shows none'],
  ],
  'a list that moves while it is read': [
    [FIND, 'is found behind runs that arrive while the list is read'],
    [FIND, 'is found behind runs that vanish while the list is read'],
    [FIND, 'is found behind runs that an out-of-date page does not show yet'],
  ],
  'a list whose filters hide the agent run': [
    [DOUBT, 'is asked without filters before an agent run counts as absent: %s'],
  ],
  'a provider whose clock is not ours': [
    [DOUBT, 'does not hide it by the provider’s clock, which is ten minutes %s'],
    [FIND, 'is found where the provider’s clock is behind ours, as its answers tell'],
    [FIND, 'is found where the provider dates runs by another time zone, as the answer to a create tells'],
  ],
  'an answer to a create that is about another agent run': [
    [DOUBT, 'is an answer about an agent run that is %s, too: it is looked for'],
    [DOUBT, 'is an answer about an agent run of another organization, too: it is looked for'],
    [DOUBT, 'is looked for: two tasks never share an agent'],
  ],
  'an answer that comes after it was given up': [
    [DOUBT, 'is no answer any more once the create was looked for: the agent that was found stays'],
    [DOUBT, 'is that of a create which arrives late: within the grace time it is found, and none is sent again'],
  ],
  'an attempt that was given up and is found beside its successor': [
    [DOUBT, 'is found all the same, watched, and completes nothing (the process dies: %s)'],
  ],
  'a cancel while a create is in doubt': [
    [DOUBT, 'waits for no answer: the agent is looked for, and it is said where it goes on'],
    [DOUBT, 'finds what is listed late, too'],
    [DOUBT, 'creates nothing that had not been created'],
    ['simulation/orchestrator.test.ts', 'of a create nobody can tell the outcome of says that an agent may be there'],
  ],
  'a crash while a cancel settles a create': [[DOUBT, 'is settled by the next process when this one dies over it']],
  'a manager whose create is in doubt': [
    [DOUBT, 'is found and adopted, created once'],
    [
      DOUBT,
      'is never created again when the list cannot be read: the run goes on without it, and what there is is watched',
    ],
  ],
  'an agent run that is deleted between being found and being read': [
    [LATE, 'between being found and being read is gone only by several 404s and the list, and a person decides'],
  ],

  'a stale COMPLETE after a resume': [
    [TURNS, 'with the old result does not end the manager’s turn: that is told %s'],
    ['actors/watch-agent-run.test.ts', 'is not ended by the COMPLETE that stands from the turn before'],
  ],
  'a prompt of which nobody knows whether it arrived': [
    [TURNS, 'is looked for in the logs and counts once: %s'],
    ['actors/prompt-agent-run.test.ts', 'of unknown outcome is sent again under the same number, %s'],
  ],
  'a prompt that nobody can look up': [
    [TURNS, 'is not to be found when the logs cannot be read: it is sent again under the same number, once'],
    ['backends/codegen/codegen-logs.test.ts', 'is not absent because a page that should show entries is empty'],
  ],
  'a prompt that arrives twice': [
    [TURNS, 'and that the network doubled is told as one turn: what it returns counts once'],
  ],
  'a crash around a prompt': [
    [TURNS, 'is looked for again by the next process when this one dies over it'],
    [FAULTS, '%s a create or a prompt reaches the account (call %i): it is made once'],
  ],

  'a failure of any status, HTTP code or log text': [
    ['machines/explain-failure.test.ts', '%s with %s has a row of its own', 'has a row of its own: %i'],
    ['machines/explain-failure.test.ts', 'forbids another attempt where none can help: %s'],
    [AGENT, 'is not started again when its log says that no attempt can help'],
  ],
  'TIMEOUT, MAX_ITERATIONS_REACHED, OUT_OF_TOKENS': [
    [AGENT, 'is tried again as its trouble asks for, then put before a person: %s'],
  ],
  PAUSED: [[AGENT, 'is put before a person, with what it asks and where to answer, and goes on with the answer']],
  'CANCELLED from outside': [[AGENT, 'is not started again when somebody stopped it at the backend']],
  'an agent run that vanished (404)': [
    [
      AGENT,
      'is tried again once three answers and the list agree',
      'is watched on when it is listed, and completes once',
    ],
  ],
  'failures in a row: backoff': [
    [AGENT, 'are made further and further apart', 'wait as long as the provider asked for'],
  ],
  'a storm of retries against one account': [
    [
      'account-troubles.test.ts',
      'is tried a few times by one of 40 tasks while the others wait and say why, and all complete at the first attempt',
      'are created about ten times, and then as probes that grow rare, until one completes',
    ],
  ],

  'a deadline where the agent cannot be stopped': [
    [LATE, 'without onTimeout makes no second agent: a person is asked, and an end meanwhile is taken'],
  ],
  'a deadline with onTimeout': [
    [
      LATE,
      'with onTimeout makes a second agent beside the first, whose late completion is recorded and completes nothing',
    ],
  ],
  'a deadline that passes while no process runs': [
    [LATE, 'passes for a process that was dead over it: the agent is asked before a person is'],
  ],
  'an agent without a sign of life': [[AGENT, 'stays running, and is told of once a silence']],
  'the late completion of an attempt that was given up': [
    ['late-completion.test.ts', 'is recorded with what it returned, offered, and taken by nobody (I8)'],
    [LATE, 'are each recorded with their own late end'],
  ],
  'a poll that answers garbage': [[LATE, 'never proves a death by itself: %s for ten minutes']],
  'a poll that answers stale data': [
    [LATE, 'never proves that an agent works either: an old ACTIVE changes nothing but the delay'],
    ['actors/read-watched-run.test.ts', 'prove no death, in whatever order they come'],
  ],
  'a result that a stale read does not show any more': [[LATE, 'does not lose it to a read that shows %s']],

  'SIGKILL at random and at chosen points': [
    [FAULTS, 'or ends after a record, again and again, completes and doubles nothing (seed %i)'],
    ['host/run-restore.test.ts', 'comes to the same end, with nothing lost and nothing created or told twice: %i'],
    ['crash/crash-points.ts', 'resume.answered'],
  ],
  'a full disk': [
    ['host/journal.test.ts', 'writes what is missing once there is room again'],
    ['simulation/found-by-simulation.test.ts', 'is refused as such, whichever write finds it full'],
  ],
  'a journal torn at every byte of its last lines': [
    ['host/journal-reader.test.ts', 'is overlooked, wherever it was torn, and cut when the holder asks for it'],
  ],
  'a flipped byte in the middle': [
    ['host/journal-reader.test.ts', 'of any byte in the middle is found, said, and costs that record alone'],
  ],
  'a missing checkpoint': [['host/checkpoint.test.ts', 'are none when both are bad: the journal is replayed whole']],
  'an older checkpoint with newer segments': [
    ['host/checkpoint.test.ts', 'fall back to the older one when any byte of the newer is damaged, and say so'],
    ['crash/disk/checkpoint-faults.ts', 'the older one in the place of the newest'],
  ],
  'a clock that goes backwards': [
    ['host/rewind-times.test.ts', 'are as far away as when it was made, once the clock has been set back'],
    [
      'actors/reconcile-agent-run.test.ts',
      'is searched from now on where its intent lies ahead, since the clock was set back',
    ],
    ['limits/limit-notebook.test.ts', 'takes a time in the future for now: neither blocked for ever nor a burst'],
  ],
}
