import { backendContract } from './backend-contract.ts'
import { codegen } from './subjects.ts'

backendContract(codegen)
