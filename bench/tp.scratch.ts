import { measureThroughput } from './throughput.ts'
await measureThroughput(2000)
console.log(JSON.stringify(await measureThroughput(Number(process.argv[2]))))
