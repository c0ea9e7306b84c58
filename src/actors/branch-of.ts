import type { PullRequest } from '../domain/report.ts'

/** As a branch can be named, and nothing that reads as more than a name. */
const NAME = /^[^\s\p{C}[\]`"']{1,200}$/u

/** The branch of the newest pull request that names one. */
export function branchOf(pullRequests: readonly PullRequest[]): { readonly branch?: string } {
  const branch = pullRequests.findLast((pullRequest) => NAME.test(pullRequest.branch ?? ''))?.branch
  return branch === undefined ? {} : { branch }
}
