// @medplum/core's client against the running service. https://www.npmjs.com/package/@medplum/core
import { MedplumClient } from '@medplum/core';
import { assertion, check, goal, root, system, tell, transaction } from './assertion.mjs';

const client = new MedplumClient({ baseUrl: `${root}/`, fhirUrlPath: 'fhir', tokenUrl: 'auth/token', cacheTime: 0, fetch });
let patient;

// Its own log in by assertion sends no scope, which SMART requires: it is given the token.
await check('log in', async () => {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    scope: 'system/*.cruds',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion(`${root}/auth/token`),
  });
  const answer = await fetch(`${root}/auth/token`, { method: 'POST', body: form });
  const token = await answer.json();
  client.setAccessToken(token.access_token);
  return answer.ok || token;
});
await check('create', async () => {
  patient = await client.createResource({
    resourceType: 'Patient',
    identifier: [{ system, value: 'medplum' }],
    name: [{ family: 'Asiakas' }],
  });
  return Boolean(patient.id);
});
await check('create if none exist', async () => {
  const found = await client.createResourceIfNoneExist(
    { resourceType: 'Patient', identifier: [{ system, value: 'medplum' }] },
    `identifier=${system}|medplum`,
  );
  return found.id === patient.id || found;
});
await check('read', async () => (await client.readResource('Patient', patient.id)).name[0].family === 'Asiakas');
await check('update', async () => {
  const found = await client.updateResource({ ...patient, active: true });
  return (found.active === true && found.meta.versionId === '2') || found;
});
await check('patch', async () => {
  const found = await client.patchResource('Patient', patient.id, [{ op: 'replace', path: '/active', value: false }]);
  return found.active === false || found;
});
await check('vread', async () => (await client.readVersion('Patient', patient.id, '1')).active === undefined);
await check('history', async () => (await client.readHistory('Patient', patient.id)).entry.length === 3);
await check('search', async () => {
  const found = await client.searchResources('Patient', { identifier: `${system}|medplum` });
  return (found.length === 1 && found[0].id === patient.id) || found;
});
await check('page', async () => {
  for (let number = 0; number < 5; number += 1) {
    await client.createResource(goal(`Patient/${patient.id}`, `goal ${number}`));
  }
  const pages = [];
  for await (const page of client.searchResourcePages('Goal', { patient: patient.id, _count: '2' })) {
    pages.push(page.map((one) => one.id));
  }
  return (new Set(pages.flat()).size === 5 && pages.length === 3) || pages;
});
await check('transact', async () => {
  const done = await client.executeBatch(transaction(`Patient/${patient.id}`));
  return done.entry.map((one) => one.response.status).join() === '201 Created,201 Created,200 OK' || done;
});
await check('everything', async () => {
  const found = await client.readPatientEverything(patient.id);
  return found.total === 6 || found.total;
});
await check('validate', async () => {
  const found = await client.validateResource(goal(`Patient/${patient.id}`, 'fine'));
  return found.issue.every((one) => one.severity !== 'error') || found;
});
await check('refusal', async () => {
  try {
    return await client.createResource({ resourceType: 'Patient', gender: 'x' });
  } catch (error) {
    return error.outcome.issue.some((one) => one.expression?.[0] === 'Patient.gender') || error.outcome;
  }
});
await check('delete', async () => {
  const { id } = await client.createResource({ resourceType: 'Patient' });
  await client.deleteResource('Patient', id);
  try {
    return await client.readResource('Patient', id);
  } catch (error) {
    return error.outcome.issue[0].code === 'deleted' || error.outcome;
  }
});
tell();
