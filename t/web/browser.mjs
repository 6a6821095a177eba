// A headless browser for tests and pictures: Debian's Chromium, driven by
// playwright-core.

import { createRequire } from 'node:module';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

export const axe = require.resolve('axe-core/axe.min.js');

export async function launch() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        chromiumSandbox: process.getuid() !== 0,
        args: ['--disable-gpu', '--disable-dev-shm-usage'],
        timeout: 60_000,
    });
}

/* Signs in as an operator does. */
export async function signIn(page, url, key, hash = '') {
    await page.goto(`${url}/${hash}`);
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('navigation', { name: 'Screens' })
        .waitFor({ state: 'attached' });
}
