// Starts the official WorkOS emulator on a free port, says where it is, and runs until it is killed.
import { createEmulator } from 'workos/emulate';

const emulator = await createEmulator({
  port: 0,
  seed: {
    users: [{ email: 'ada@acme.test', password: 'pw', email_verified: true }],
    organizations: [{ name: 'acme' }, { name: 'globex' }],
    permissions: [{ slug: 'orders:read', name: 'read orders' }],
    roles: [{ slug: 'member', name: 'member', permissions: ['orders:read'] }],
  },
});
console.log(JSON.stringify({ url: emulator.url, key: emulator.apiKey }));
