import { describeWithAgents } from '../support/describe-with-agents.ts'
import { backendContract } from './backend-contract.ts'
import { codexProtocol } from './subjects.ts'

describeWithAgents('the contract, kept with a real agent', () => backendContract(codexProtocol))
