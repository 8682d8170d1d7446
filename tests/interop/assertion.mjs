// The signed assertion of a backend service, and what the clients are told: address, key, name.
// https://hl7.org/fhir/smart-app-launch/backend-services.html
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { BASE, CLIENT, KEY } = process.env;
export const fhir = `${BASE}/fhir`;
export const root = BASE;
export const system = 'urn:oid:2.999.13.10.1';

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export function assertion(audience) {
  const jwk = JSON.parse(readFileSync(KEY, 'utf8'));
  const head = encoded({ alg: 'ES384', kid: jwk.kid, typ: 'JWT' });
  const exp = Math.floor(Date.now() / 1000) + 240;
  const claims = encoded({ iss: CLIENT, sub: CLIENT, aud: audience, exp, jti: randomUUID() });
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  const signature = sign('sha384', Buffer.from(`${head}.${claims}`), { key, dsaEncoding: 'ieee-p1363' });
  return `${head}.${claims}.${signature.toString('base64url')}`;
}

export const goal = (subject, text) => ({
  resourceType: 'Goal',
  lifecycleStatus: 'active',
  description: { text },
  subject: { reference: subject },
});

export function transaction(subject) {
  const child = `urn:uuid:${randomUUID()}`;
  return {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl: child, resource: { resourceType: 'Patient' }, request: { method: 'POST', url: 'Patient' } },
      { resource: goal(child, 'together'), request: { method: 'POST', url: 'Goal' } },
      { request: { method: 'GET', url: subject } },
    ],
  };
}

// What is checked, and how it went: printed as one line of JSON.
const told = {};
export async function check(name, work) {
  try {
    const wrong = await work();
    told[name] = wrong === true ? '' : `unexpected: ${JSON.stringify(wrong)}`;
  } catch (error) {
    told[name] = String(error?.message ?? error).slice(0, 300) || 'failed';
  }
}
export const tell = () => console.log(JSON.stringify(told));
