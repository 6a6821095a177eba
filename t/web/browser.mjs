// A headless browser for tests and pictures: Debian's Chromium, driven by
// playwright-core.  What a test finds goes to Mutt::Browser line by line.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

export const axeFile = require.resolve('axe-core/axe.min.js');

/* How long a busy machine may take for what is quick elsewhere. */
export const patience = 30_000;

export const url = process.env.MUTT_URL;
export const key = process.env.MUTT_API_KEY;

export async function launch() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        chromiumSandbox: process.getuid() !== 0,
        args: ['--disable-gpu', '--disable-dev-shm-usage'],
        timeout: 60_000,
    });
}

/* A page that notes what it must not do: scripts that fail, what the policy
   forbids, what is asked of another server. */
export async function open(browser, options = {}) {
    const context = await browser.newContext({
        viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce',
        ...options,
    });
    const page = await context.newPage();

    page.faults = [];
    page.setDefaultTimeout(patience);
    page.on('pageerror', error => page.faults.push(`error: ${error.message}`));
    page.on('console', message => {
        if (/Content Security Policy|TrustedHTML|Refused to/.test(message.text())) {
            page.faults.push(`policy: ${message.text()}`);
        }
    });
    page.on('dialog', dialog => {
        page.faults.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
    });
    page.on('request', request => {
        if (!/^(blob:|data:)/.test(request.url())
            && new URL(request.url()).origin !== new URL(url).origin) {
            page.faults.push(`request: ${request.url()}`);
        }
        if (request.url().includes(key)) {
            page.faults.push('a key in an address');
        }
    });
    await page.addInitScript(() => {
        globalThis.violations = [];
        document.addEventListener('securitypolicyviolation', event =>
            globalThis.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
    });
    return page;
}

/* Signs in as an operator does. */
export async function signIn(page, hash = '', secret = key) {
    await page.goto(`${url}/${hash}`);
    await page.getByLabel('API key').fill(secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
        .catch(async error => {
            throw new Error(`${error.message}: ${await page.locator('body')
                .innerText()}`);
        });
}

export async function goTo(page, hash) {
    await page.evaluate(to => { location.hash = to; }, hash);
}

/* Loaded, as far as it will be: no "Loading", its heading there. */
export async function settled(page, title) {
    await page.getByRole('heading', { name: title, exact: true }).first()
        .waitFor();
    await page.locator('.loading').first().waitFor({ state: 'detached' });
}

const clean = text => String(text).replace(/[\r\n]+/g, ' ').slice(0, 600);

export function ok(condition, title, details = '') {
    console.log(condition ? `ok ${clean(title)}` : `not ok ${clean(title)}`);
    if (!condition && details !== '') {
        console.log(`! ${clean(details)}`);
    }
    return condition;
}

/* That something comes to be seen, sooner or later. */
export async function seen(locator, title, timeout = patience) {
    try {
        await locator.first().waitFor({ state: 'visible', timeout });
        return ok(true, title);
    } catch (error) {
        return ok(false, title, error.message);
    }
}

export async function gone(locator, title, timeout = patience) {
    try {
        await locator.first().waitFor({ state: 'hidden', timeout });
        return ok(true, title);
    } catch (error) {
        return ok(false, title, error.message);
    }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/* Has the test do something that a browser cannot. */
export async function have(what) {
    console.log(`do ${what}`);
    await lines.next();
}

export async function ingest(...events) {
    const answer = await fetch(`${url}/api/v2/ingest`, {
        method: 'POST', body: JSON.stringify(events),
        headers: { 'X-API-KEY': process.env.MUTT_INGEST_KEY,
            'Content-Type': 'application/json' },
    });

    if (answer.status !== 200) {
        throw new Error(`ingest answered ${answer.status}`);
    }
}

export function event(message, more = {}) {
    return { hostname: 'edge-r7', message, syslog_severity: 3,
        timestamp: new Date().toISOString(), ...more };
}

/* The end: nothing that a page must not do was done. */
export async function finish(browser, ...pages) {
    for (const page of pages) {
        page.faults.push(...await page.evaluate(() => globalThis.violations));
        ok(page.faults.length === 0, 'no error, no violation of the policy, '
            + 'no request to another server', page.faults.join('; '));
    }
    await browser.close();
    leave('end', 0);
}

/* What is written to a pipe is lost if one leaves before it is. */
function leave(words, status) {
    process.stdout.write(`${words}\n`, () => process.exit(status));
}

process.on('uncaughtException', error => {
    leave(`! ${clean(error?.stack ?? error)}`, 1);
});
