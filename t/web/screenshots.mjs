// Pictures of every screen in both themes at three widths, from a stack that
// runs, for somebody to look at.  Usage: screenshots.mjs DIRECTORY
//
// MUTT_URL and MUTT_API_KEY name the stack; tools/screenshots fills it first.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { goTo, key, launch, open, signIn, url } from './browser.mjs';

const directory = process.argv[2];
const widths = { 1440: 900, 768: 1024, 360: 780 };

const newest = await (await fetch(`${url}/api/v2/audit-logs?limit=1`,
    { headers: { 'X-API-KEY': key } })).json();
const first = newest.logs[0]?.event_id ?? '';

const screens = {
    overview: '', live: 'live', events: 'events',
    event: `events?event=${first}`, objectives: 'slo', rules: 'rules',
    rule: 'rules?id=1', import: 'rules?import=1', hosts: 'hosts',
    teams: 'hosts?list=teams',
    'dead-letters': 'dead-letters?queue=moog', configuration: 'config',
    setting: 'config?key=moog_rate_limit', audit: 'audit', keys: 'keys',
};

/* What is opened on a screen, by a key or by what one clicks. */
const dialogs = {
    trial: ['rules?id=1', page => page.getByRole('tab', { name: 'Test' }).click()],
    history: ['rules?id=1', page => page.getByRole('tab', { name: 'History' })
        .click()],
    letter: ['dead-letters?queue=moog', page => page.getByRole('table')
        .getByRole('link').first().click()],
    discard: ['dead-letters?queue=moog', page => page.getByRole('button',
        { name: 'Discard all' }).click()],
    change: ['audit', page => page.getByRole('table').getByRole('link').first()
        .click()],
    'add-hosts': ['hosts', page => page.getByRole('button',
        { name: 'Add hosts' }).click()],
    'new-key': ['keys', page => page.getByRole('button', { name: 'New key' })
        .click()],
    shortcuts: ['', page => page.keyboard.press('?')],
};

mkdirSync(directory, { recursive: true });

const browser = await launch();

for (const theme of ['dark', 'light']) {
    const page = await open(browser, { colorScheme: theme });
    const shoot = async name => {
        for (const [width, height] of Object.entries(widths)) {
            await page.setViewportSize({ width: Number(width), height });
            await page.evaluate(() => new Promise(resolve =>
                requestAnimationFrame(() => requestAnimationFrame(resolve))));
            await page.screenshot({
                path: join(directory, `${name}-${theme}-${width}.png`) });
        }
    };

    await page.goto(url);
    await page.getByLabel('API key').waitFor();
    await shoot('sign-in');
    await signIn(page);
    for (const [name, what] of Object.entries({ ...screens, ...dialogs })) {
        const [hash, act] = [what].flat();

        await page.setViewportSize({ width: 1440, height: 900 });
        await goTo(page, `#/${hash}`);
        await page.locator('main h1').waitFor();
        await page.waitForLoadState('networkidle', { timeout: 2500 })
            .catch(() => undefined);
        /* a speed takes two looks */
        await page.waitForFunction(() => document.querySelector('.tile .value')
            ?.textContent?.startsWith('-') !== true);
        if (act !== undefined) {
            await act(page);
            await page.getByRole('dialog').waitFor();
            await page.locator('dialog .loading').first()
                .waitFor({ state: 'detached' });
        }
        await shoot(name);
        if (act !== undefined) {
            await page.keyboard.press('Escape');
        }
        console.log(`${name} in ${theme}`);
    }
    await page.context().close();
}
await browser.close();
