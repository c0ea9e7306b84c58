import type { CommandReply } from '../domain/command.ts'
import type { Orchestrator } from '../domain/orchestration.ts'
import type { RunAdmission } from './run-admission.ts'

/** The orchestrator, whose reruns are admitted like starts: a run that had ended goes on in this process, which stays for it. */
export function admitReruns(orchestrator: Orchestrator, admission: RunAdmission): Orchestrator {
  const commandTask: Orchestrator['commandTask'] = async (run, task, command, by) => {
    if (command.type !== 'rerun') return orchestrator.commandTask(run, task, command, by)
    const replies: CommandReply[] = []
    await admission.admit(async () => {
      replies.push(await orchestrator.commandTask(run, task, command, by))
      return [run]
    })
    return replies[0] as CommandReply
  }
  return new Proxy(orchestrator, {
    get(target, name) {
      if (name === 'commandTask') return commandTask
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
