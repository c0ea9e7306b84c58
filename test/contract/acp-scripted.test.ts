import { backendContract } from './backend-contract.ts'
import { protocol } from './subjects.ts'

backendContract(protocol)
