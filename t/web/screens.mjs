// Every screen, in both themes: no serious fault of accessibility, nothing
// wider than a phone, and content of the worst kind that stays text.

import { event, finish, goTo, ingest, have, launch, ok, open, patience,
    seen, settled, signIn, key, url } from './browser.mjs';
import { inspect } from './axe.mjs';

const hostile = [
    '<script>globalThis.struck = 1</script>',
    '<img src=x onerror="globalThis.struck = 1">',
    '"><svg onload=globalThis.struck=1>',
    'javascript:globalThis.struck=1',
    '\u202egnp.exe \u2066\u200b\ufeff bidi and unseen',
    'control \u0007\u001b[31m characters \u0085 \u009b',
    '${globalThis.struck = 1} {{constructor.constructor("struck=1")()}}',
    `long ${'<b>x</b>'.repeat(8000)}`,
];

const screens = [
    ['', 'Overview'], ['live', 'Live'], ['events', 'Events'],
    ['slo', 'Objectives'], ['rules', 'Rules'], ['rules?id=new', 'New rule'], ['rules?import=1', 'Import'],
    ['hosts', 'Hosts and teams'], ['hosts?list=teams', 'Hosts and teams'],
    ['dead-letters', 'Dead letters'], ['dead-letters?queue=dead', 'Dead letters'],
    ['config', 'Configuration'],
    ['config?key=moog_rate_limit', 'moog_rate_limit'], ['audit', 'Audit'],
    ['keys', 'Keys'],
];

const browser = await launch();
const page = await open(browser, { colorScheme: 'dark' });

await page.goto(url);
await page.getByLabel('API key').waitFor();
await inspect(page, 'signing in');
await signIn(page);

await ingest(...hostile.map(text => event(`link down ${text}`,
    { source: text, program: text, [text.slice(0, 60)]: text })));
await have('see them through');
await have('bury hostile letters');
await have('change hostile things');

for (const theme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    for (const [hash, title] of screens) {
        await goTo(page, `#/${hash}`);
        await settled(page, title);
        await inspect(page, `${hash === '' ? 'overview' : hash} in ${theme}`);
    }
}

await page.setViewportSize({ width: 320, height: 640 });
for (const [hash, title] of screens) {
    await goTo(page, `#/${hash}`);
    await settled(page, title);
    const over = await page.evaluate(() =>
        document.documentElement.scrollWidth - innerWidth);

    ok(over <= 0, `${hash === '' ? 'overview' : hash} is no wider than 320 pixels`,
        `${over} too wide`);
}
await page.setViewportSize({ width: 1440, height: 900 });

// what is hostile, where it shows
const row = page.getByRole('table', { name: 'Events' }).getByRole('link');

await goTo(page, '#/events');
await seen(row.filter({ hasText: 'onerror' }), 'markup is shown as text');
ok(await row.filter({ hasText: '\u27e8U+202E\u27e9' }).count() > 0,
    'what turns text around is shown as a number');

for (const text of ['onerror', 'svg onload', 'U+202E', 'long ', 'constructor']) {
    await row.filter({ hasText: text }).first().click();
    await page.getByRole('dialog').getByLabel('Raw text').waitFor();
    if (text === 'onerror') {
        await seen(page.getByRole('dialog').getByText('Attempt 2 to deliver'),
            'attempts to deliver are told');
        await inspect(page, 'an event');
    }
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
}

await goTo(page, '#/keys');
await page.getByRole('button', { name: 'Limit', exact: true }).click();
await page.getByRole('dialog').getByLabel('Limit').fill('x');
await inspect(page, 'a limit that is none');
await page.keyboard.press('Escape');
await goTo(page, '#/dead-letters?queue=moog');
await seen(page.getByRole('table', { name: 'Dead letters' }).getByRole('link')
    .filter({ hasText: 'onerror' }), 'so it is in a dead letter');
await page.getByRole('table', { name: 'Dead letters' }).getByRole('link')
    .filter({ hasText: 'onerror' }).first().click();
await page.getByRole('dialog').getByLabel('Raw text').waitFor();
await page.keyboard.press('Escape');
await goTo(page, '#/audit');
await seen(page.getByRole('table', { name: 'Changes' })
    .filter({ hasText: '<script>' }), 'and in the audit');
await goTo(page, '#/rules');
await seen(page.locator('table.rules').filter({ hasText: '<script>' }),
    'and in a rule');

const struck = await page.evaluate(() => [globalThis.struck,
    document.querySelectorAll('main img, main script, dialog img').length,
    [...document.scripts].filter(s => s.src === '').length]);

ok(struck[0] === undefined && struck[1] === 0 && struck[2] === 0,
    'none of it did anything', JSON.stringify(struck));

// the keyboard
await goTo(page, '#/');
await settled(page, 'Overview');
await page.keyboard.press('?');
await seen(page.getByRole('dialog', { name: 'Keyboard shortcuts' }),
    'a question mark lists the keys');
await page.keyboard.press('Escape');
await page.getByRole('dialog').waitFor({ state: 'detached' });
await page.keyboard.press('g');
await page.keyboard.press('r');
await seen(page.getByRole('heading', { name: 'Rules', exact: true }),
    'g r goes to the rules');
await page.keyboard.press('/');
await page.keyboard.type('no such rule');
await seen(page.getByText('No rule matches this search'),
    'a slash searches, and an empty list says what to do');
ok(page.url().includes('q=no+such+rule'), 'the address holds what is looked for');
await page.reload();
await seen(page.getByText('No rule matches this search'),
    'so that it can be shared');

await page.getByRole('button', { name: 'Show all' }).click();
await page.getByLabel('State').selectOption('off');
await page.locator('.frame').click({ position: { x: 700, y: 20 } });
await page.keyboard.press('g');
await page.keyboard.press('c');
await seen(page.getByRole('heading', { name: 'Configuration' }), 'g c too');
await page.goBack();
await seen(page.getByRole('heading', { name: 'Rules', exact: true }),
    'back is back');
ok(await page.getByLabel('State').inputValue() === 'off',
    'with what was chosen there');
await page.keyboard.press('?');
await page.getByLabel('Use single-key shortcuts').uncheck();
await page.keyboard.press('Escape');
await page.keyboard.press('g');
await page.keyboard.press('a');
await page.keyboard.press('n');
ok(await page.getByRole('dialog').count() === 0 && page.url().includes('#/rules'),
    'single keys can be switched off');
await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
await page.getByLabel('Use single-key shortcuts').check();
await page.keyboard.press('Escape');
await page.keyboard.press('n');
await seen(page.getByRole('dialog', { name: 'New rule' }), 'and on again');
await page.keyboard.press('Escape');

// less motion for who wants less
const moving = () => page.evaluate(() => [...document.querySelectorAll('*')]
    .filter(e => getComputedStyle(e).transitionDuration !== '0s').length);

await page.getByRole('button', { name: 'Show all' }).click();
await page.getByRole('switch').first().waitFor();
ok(await moving() === 0, 'nothing moves for who wants no motion');
await page.emulateMedia({ reducedMotion: 'no-preference' });
ok(await moving() > 0, 'what does otherwise');
await page.emulateMedia({ reducedMotion: 'reduce' });

// how long until it can be used
const start = performance.now();

await page.goto('about:blank');
await page.goto(`${url}/#/`);
await page.getByRole('heading', { name: 'Overview' }).waitFor({ timeout: patience });
console.log(`# opened in ${Math.round(performance.now() - start)} ms`);

const loaded = await page.evaluate(() => performance.getEntriesByType('resource')
    .concat(performance.getEntriesByType('navigation'))
    .filter(e => !e.name.includes('/api/') && !e.name.endsWith('/health'))
    .reduce((sum, e) => sum + e.encodedBodySize, 0));

ok(loaded > 10_000 && loaded < 150_000, 'it weighs less than 150 KB', `${loaded}`);
ok(!(await page.content()).includes(key), 'the key is not in the page');

await finish(browser, page);
