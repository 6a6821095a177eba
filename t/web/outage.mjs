// What a page shows while Redis, PostgreSQL, the server or the session is
// away, and that it goes on by itself.

import { finish, goTo, gone, have, launch, ok, open, seen, signIn, url }
    from './browser.mjs';

const browser = await launch();
const page = await open(browser);

await signIn(page, '#/rules');
await page.evaluate(() => { globalThis.sameDocument = true; });

const banner = page.getByRole('alert');
const healthy = page.locator('.health.good');

await seen(page.getByText('a rule of the test'), 'the rules are there');
await seen(healthy, 'all is well');

await have('stop postgres');
await seen(banner.filter({ hasText: 'PostgreSQL is away' }),
    'PostgreSQL going away is told, with what it means');
await seen(page.getByText('a rule of the test'), 'what was known stays in sight');
await have('start postgres');
await gone(banner, 'its coming back too');
await seen(healthy, 'all is well again');

await goTo(page, '#/live');

const state = page.locator('.summary.live .badge').first();

await seen(state.getByText('live', { exact: true }), 'live events are followed');
await have('stop redis');
await seen(banner.filter({ hasText: 'Redis is away' }),
    'Redis going away is told');
await seen(state.getByText(/away/), 'and that nothing comes of it');
await have('start redis');
await seen(state.getByText('live', { exact: true }),
    'events are followed again by themselves');
await gone(banner.filter({ hasText: 'Redis is away' }), 'its coming back too');
await seen(page.getByRole('button', { name: 'Sign out' }),
    'the session has outlived it');

await goTo(page, '#/rules');
await have('stop nginx');
await seen(banner.filter({ hasText: 'does not answer' }),
    'a server that does not answer is told');
await have('start nginx');
await gone(banner.filter({ hasText: 'does not answer' }), 'its coming back too');

// a session that is ended elsewhere, in the middle of a change
await goTo(page, '#/rules?id=new');
await page.getByRole('textbox', { name: 'Text' }).fill('typed before it ended');
await have('end sessions');

const again = page.getByRole('dialog', { name: 'Sign in again' });

await seen(again, 'an ended session asks to sign in again');
await again.getByLabel('API key').fill('not a key');
await again.getByRole('button', { name: 'Go on' }).click();
await seen(again.getByText('This key is not known'), 'a wrong key is refused');
await again.getByLabel('API key').fill(process.env.MUTT_API_KEY);
await again.getByRole('button', { name: 'Go on' }).click();
await gone(again, 'the right one goes on');
ok(await page.getByRole('textbox', { name: 'Text' }).inputValue()
    === 'typed before it ended', 'what was typed is still there');
ok(await page.evaluate(() => globalThis.sameDocument === true),
    'all of it without loading the page again');
ok(await page.evaluate(secret => !JSON.stringify([{ ...localStorage },
    { ...sessionStorage }, document.cookie, location.href]).includes(secret),
process.env.MUTT_API_KEY), 'the key is kept nowhere that a script can see');
ok(page.url().startsWith(url), 'and it is where it was');

await finish(browser, page);
