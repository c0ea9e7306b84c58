import { backendContract } from './backend-contract.ts'
import { simulated } from './subjects.ts'

backendContract(simulated)
