import { expect } from 'vitest'
import { begun, type ContractCase, localOf } from './contract-case.ts'
import { twoTurns, WORDS } from './two-turns.ts'

/** What goes well. */
export const ORDINARY: Readonly<Record<string, ContractCase>> = {
  basic: {
    title: 'works, is found by its key, and ends complete with its result and its turn',
    needs: [],
    async play(stage) {
      const { before, refs, found, first, looks } = await twoTurns(stage)
      expect(before).toEqual({ kind: 'absent' })
      const [ref] = refs
      const same = expect.objectContaining({ backend: ref?.backend, id: ref?.id })
      expect(found).toEqual({ kind: 'found', ref: same, others: [] })
      expect(first).toMatchObject({ status: 'complete', pullRequests: [] })
      expect(first.result).toContain('All is done.')
      // Who does not know it leaves it to the report.
      expect([undefined, 1]).toContain(first.turn)
      expect(looks[0]).toBe('answered')
    },
  },
  'created-once': {
    title: 'is created once, however often it is ordered, at once and after its end',
    needs: ['idempotentCreate'],
    async play(stage) {
      const { refs, told } = await twoTurns(stage)
      expect(refs).toEqual([refs[0], refs[0], refs[0]])
      if (stage.local !== undefined) expect(told).toHaveLength(2)
    },
  },
  'second-turn': {
    title: 'takes a second turn, which can be looked up before and after it was sent',
    needs: ['turns'],
    async play(stage) {
      const { second, looks } = await twoTurns(stage)
      const [before, during, after] = looks.slice(1)
      expect([before, after]).toEqual(['absent', 'answered'])
      expect(['seen', 'answered']).toContain(during)
      expect(second.status).toBe('complete')
      if (stage.local !== undefined) expect(second).toMatchObject({ turn: 2, result: 'More is done.' })
    },
  },
  usage: {
    title: 'tells what all of its turns used together, each turn once',
    needs: ['usage', 'turns'],
    async play(stage, { tokens }) {
      const { first, second } = await twoTurns(stage)
      expect([first, second].map(({ usage }) => usage?.tokens)).toEqual(tokens)
    },
  },
  slash: {
    title: 'hands on prompts that begin with a slash as the words that they are',
    needs: ['worktree', 'turns'],
    async play(stage) {
      const { told, first, second } = await twoTurns(stage)
      expect(told.map((said) => said.trim().startsWith(WORDS))).toEqual([true, true])
      expect([first.result, second.result]).toEqual(['All is done.', 'More is done.'])
    },
  },
  work: {
    title: 'leaves its work on its branch, told by git, and no worktree',
    needs: ['worktree'],
    async play(stage) {
      const local = localOf(stage)
      const { work, task } = await twoTurns(stage)
      const branch = `troupe/${stage.key(task).run}/${task}/1`
      expect(work).toEqual({
        repository: expect.any(String),
        branch,
        base: await local.git('rev-parse', 'main'),
        commit: await local.git('rev-parse', branch),
        commits: 1,
        files: [{ path: 'spec.md', added: 2, removed: 0 }],
        fileCount: 1,
        added: 2,
        removed: 0,
      })
      expect(await stage.letGo()).toEqual([])
      expect(await local.git('show', `${branch}:spec.md`)).toBe('one\ntwo')
      expect(await local.git('worktree', 'list')).not.toContain(`/${task}.1/`)
      expect(await local.git('status', '--porcelain')).toBe('')
    },
  },
}

/** What comes after all others. */
export const LAST: Readonly<Record<string, ContractCase>> = {
  'nothing-left': {
    title: 'leaves no process when it is closed, though one is in the middle of its work',
    needs: ['worktree'],
    async play(stage) {
      await begun(stage, { task: 'left', acts: [{ act: 'tool' }, { act: 'say', text: 'All is done.' }] })
      await localOf(stage).inTool('left')
      expect(await stage.close()).toEqual([])
    },
  },
}
