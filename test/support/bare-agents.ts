/** Real agents without troupe: started as a person or an editor would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import * as acp from '@agentclientprotocol/sdk'
import type { AgentProgram } from '../../scripts/pinned-agents.ts'
import { type AgentSite, agentVariables, type RealAgents } from './real-agents.ts'

/** The arguments of an agent that carries out one turn; none for one that is spoken to. */
function turnArguments(program: AgentProgram, prompt: string): readonly string[] {
  if (program === 'codex') return ['exec', '--json', '--skip-git-repo-check', '--sandbox', 'workspace-write', prompt]
  if (program !== 'claude') return []
  const mode = ['--permission-mode', 'acceptEdits', '--allowedTools', 'Bash']
  return ['-p', prompt, '--output-format', 'stream-json', '--verbose', ...mode]
}

/** Starts an agent in a folder, with nothing of our own environment but PATH, in a process group of its own. */
export function startBareAgent(
  agents: RealAgents,
  program: AgentProgram,
  { prompt, folder, ...site }: AgentSite & { readonly prompt: string; readonly folder: string },
): ChildProcess {
  const env = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', ...agentVariables(program, site) }
  return spawn(agents.program(program), turnArguments(program, prompt), { cwd: folder, env, detached: true })
}

/** Ends it with its process group; resolves when it is gone. */
export async function endBareAgent(child: ChildProcess): Promise<void> {
  const running = child.exitCode === null && child.signalCode === null
  const ended = running ? once(child, 'exit') : undefined
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The group has ended by itself.
  }
  await ended
}

/** What a command line agent printed, and how it ended. */
export async function outputOf(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  child.stdin?.end()
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

/** A client of the protocol that allows everything: what the agent said in one turn, and how it ended. */
export async function promptOverAcp(
  child: ChildProcess,
  folder: string,
  text: string,
): Promise<{ text: string; stopReason: string }> {
  if (child.stdin === null || child.stdout === null) throw new Error('The agent has no standard input or output.')
  child.stderr?.resume()
  let said = ''
  const stream = acp.ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(child.stdout) as ReadableStream)
  const { agent } = acp
    .client({ name: 'troupe-test' })
    .onNotification(acp.methods.client.session.update, ({ params: { update } }) => {
      if (update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text') said += update.content.text
    })
    .onRequest(acp.methods.client.session.requestPermission, ({ params }) => {
      const optionId = params.options.find(({ kind }) => kind === 'allow_once')?.optionId ?? ''
      return { outcome: { outcome: 'selected' as const, optionId } }
    })
    .connect(stream)
  const { initialize, session } = acp.methods.agent
  await agent.request(initialize, { protocolVersion: 1, clientCapabilities: {} })
  const { sessionId } = await agent.request(session.new, { cwd: folder, mcpServers: [] })
  const params = { sessionId, prompt: [{ type: 'text' as const, text }] }
  const { stopReason } = await agent.request<acp.PromptResponse>(session.prompt, params)
  return { text: said, stopReason }
}
