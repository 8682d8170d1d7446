// npm fhir-kit-client against the running service. https://www.npmjs.com/package/fhir-kit-client
import { Client } from 'fhir-kit-client';
import { assertion, check, fhir, goal, system, tell, transaction } from './assertion.mjs';

const client = new Client({ baseUrl: fhir });
let patient;

await check('log in', async () => {
  const { tokenUrl } = await client.smartAuthMetadata();
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'system/*.cruds',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion(tokenUrl.href),
  });
  const answer = await fetch(tokenUrl, { method: 'POST', body: form });
  const token = await answer.json();
  client.bearerToken = token.access_token;
  return answer.ok || token;
});
await check('capabilities', async () => (await client.capabilityStatement()).resourceType === 'CapabilityStatement');
await check('create', async () => {
  const body = { resourceType: 'Patient', identifier: [{ system, value: 'kit' }], name: [{ family: 'Asiakas' }] };
  patient = await client.create({ resourceType: 'Patient', body });
  return Boolean(patient.id);
});
await check('read', async () => {
  const found = await client.read({ resourceType: 'Patient', id: patient.id });
  return found.name[0].family === 'Asiakas' && found.meta.versionId === '1';
});
await check('update', async () => {
  const body = { ...patient, active: true };
  const found = await client.update({ resourceType: 'Patient', id: patient.id, body, options: { headers: { 'If-Match': 'W/"1"' } } });
  return found.active === true && found.meta.versionId === '2';
});
await check('stale update', async () => {
  const options = { headers: { 'If-Match': 'W/"1"' } };
  try {
    return await client.update({ resourceType: 'Patient', id: patient.id, body: patient, options });
  } catch (error) {
    return error.response.status === 412 || error.response.status;
  }
});
await check('patch', async () => {
  const jsonPatch = [{ op: 'replace', path: '/active', value: false }];
  return (await client.patch({ resourceType: 'Patient', id: patient.id, jsonPatch })).active === false;
});
await check('vread', async () => {
  const found = await client.vread({ resourceType: 'Patient', id: patient.id, version: '1' });
  return found.active === undefined;
});
await check('history', async () => (await client.history({ resourceType: 'Patient', id: patient.id })).total === 3);
await check('search', async () => {
  const found = await client.search({ resourceType: 'Patient', searchParams: { identifier: `${system}|kit` } });
  return found.entry.length === 1 && found.entry[0].resource.id === patient.id;
});
await check('page', async () => {
  const subject = `Patient/${patient.id}`;
  for (let number = 0; number < 5; number += 1) {
    await client.create({ resourceType: 'Goal', body: goal(subject, `goal ${number}`) });
  }
  const seen = new Set();
  let bundle = await client.resourceSearch({ resourceType: 'Goal', searchParams: { patient: patient.id, _count: '2' } });
  while (bundle) {
    for (const one of bundle.entry ?? []) seen.add(one.resource.id);
    bundle = await client.nextPage({ bundle });
  }
  return seen.size === 5 || seen.size;
});
await check('transact', async () => {
  const done = await client.transaction({ body: transaction(`Patient/${patient.id}`) });
  return done.entry.map((one) => one.response.status).join() === '201 Created,201 Created,200 OK' || done;
});
await check('operation', async () => {
  const found = await client.operation({ name: '$everything', resourceType: 'Patient', id: patient.id, method: 'GET' });
  return found.total === 6 || found.total;
});
await check('refusal', async () => {
  try {
    return await client.create({ resourceType: 'Patient', body: { resourceType: 'Patient', gender: 'x' } });
  } catch (error) {
    return (error.response.status === 422 && error.response.data.resourceType === 'OperationOutcome') || error.response;
  }
});
await check('delete', async () => {
  const id = (await client.create({ resourceType: 'Patient', body: { resourceType: 'Patient' } })).id;
  await client.delete({ resourceType: 'Patient', id });
  try {
    return await client.read({ resourceType: 'Patient', id });
  } catch (error) {
    return error.response.status === 410 || error.response.status;
  }
});
tell();
