// Reads {"policies": {name: policy}, "account": ID, "requests": [{"policy", "action", "resource", "context"}]} from stdin,
// and prints the result of each request, as the simulator sees it.
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.argv[2] + '/')
const { runSimulation } = await import(pathToFileURL(require.resolve('@cloud-copilot/iam-simulate')))
const { policies, account, requests } = JSON.parse(await text(process.stdin))
const results = []
for (const { policy, action, resource, context } of requests) {
  const answer = await runSimulation(
    {
      identityPolicies: [{ name: policy, policy: policies[policy] }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      request: {
        principal: `arn:aws:iam::${account}:user/operator`,
        action,
        resource: { resource, accountId: account },
        contextVariables: context
      }
    },
    {}
  )
  results.push(answer)
}
console.log(JSON.stringify(results))
