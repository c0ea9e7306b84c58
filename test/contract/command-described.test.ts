import { backendContract } from './backend-contract.ts'
import { described } from './subjects.ts'

backendContract(described)
