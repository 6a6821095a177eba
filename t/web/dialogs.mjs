// Every dialog in both themes, as somebody finds it who has to act; and the
// screens that show objectives which are not met.

import { event, finish, goTo, gone, have, ingest, launch, ok, open, seen, settled,
    signIn } from './browser.mjs';
import { inspect } from './axe.mjs';

const old = JSON.parse(process.argv[2]);
const browser = await launch();
const page = await open(browser, { colorScheme: 'dark' });
let theme = 'dark';
const top = page.getByRole('dialog').last();
const button = (name, within = top) => within.getByRole('button', { name,
    exact: true });

/* What is in front, or the screen, in both themes. */
async function look(name, selector = 'dialog[open]') {
    await page.locator(selector).last().waitFor();
    await inspect(page, `${name} in ${theme}`, selector);
    theme = theme === 'dark' ? 'light' : 'dark';
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await inspect(page, `${name} in ${theme}`, selector, ['color-contrast']);
}

async function leave() {
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').first().waitFor({ state: 'detached' });
}

async function throwAway() {
    await page.keyboard.press('Escape');
    await button('Throw it away').click();
    await page.getByRole('dialog').first().waitFor({ state: 'detached' });
}

await signIn(page);

// objectives that are not met
const tile = page.locator('a.tile').filter({ hasText: 'Objectives' });
const objectives = page.getByRole('region', { name: 'Objectives', exact: true });

await seen(tile.filter({ hasText: 'critical' }),
    'the overview has the worst objective');
ok(await tile.evaluate(e => e.classList.contains('bad')), 'as something bad');
for (const [name, word, left] of [['ingestor availability', 'critical',
    '-150.0 %'], ['forwarder availability', 'warn', '41.0 %']]) {
    const row = objectives.getByRole('row').filter({ hasText: name });

    ok(new RegExp(`${word}[^%]*${left}`).test(await row.innerText()),
        `and of the ${name}: ${word}`, await row.innerText());
}
await look('an overview of objectives that are missed', 'main');

// a queue that nobody empties
await ingest(event('waits for an alerter'));
await seen(page.getByRole('region', { name: 'Queues' }).getByRole('listitem')
    .filter({ hasText: 'Ingest queue' }).getByText('No alerter is alive'),
'a queue says why it waits');

await tile.click();
await settled(page, 'Objectives');

const panel = name => page.getByRole('region', { name, exact: true });

await seen(panel('ingestor').locator('.badge.bad').getByText('critical'),
    'an objective is critical');
await seen(panel('forwarder').locator('.badge.warn').getByText('warn'),
    'another is a warning');
ok(/budget left\s*-150\.0 %/.test(await panel('ingestor').innerText()),
    'a budget that is overspent is told by how much');
ok(await panel('ingestor').locator('.burns .bad').count() === 2
    && await panel('ingestor').locator('.burns .warn').count() === 2,
'burn rates are bad or nearly so');

/* of what is drawn, the pixels as blue as a line */
const drawn = name => panel(name).locator('canvas').evaluate(canvas => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width,
        canvas.height);
    let n = 0;

    for (let i = 0; i < data.length; i += 4) {
        n += data[i + 2] - data[i] > 80 && data[i + 3] > 200 ? 1 : 0;
    }
    return n;
});

await panel('ingestor').locator('canvas').waitFor();
ok(await drawn('ingestor') > 200, 'its budget over time is a line',
    `${await drawn('ingestor')} pixels`);
ok(await panel('ingestor').locator('.chart tbody tr').count() === 25,
    'of the points that there are');
ok(/100 %/.test(await panel('ingestor').locator('.chart tbody tr').first()
    .innerText()), 'from all of it');
ok(/-1,?900 %/.test(await panel('ingestor').locator('.chart tbody tr').last()
    .innerText()), 'to far less than nothing');
ok((await page.getByRole('img', { name: /^ingestor availability over time/ })
    .locator('path').getAttribute('d')).split('L').length === 25,
'and each objective has its line');
await look('objectives that are missed', 'main');

// the keys
await page.keyboard.press('?');
await top.waitFor();
await look('the list of keys');
await leave();

// a rule
await goTo(page, '#/rules?id=new');
await top.getByLabel('Priority').fill('-3');
await seen(top.locator('.wrong'), 'a rule with a fault');
await look('a rule with a fault');
for (let i = 0; i < 3; i++) {
    await page.keyboard.press('Escape');
}
await seen(top.getByRole('alert').getByText('is not saved'),
    'what was typed is asked about, however often one tries');
await look('what is asked then');
ok(await button('Keep on').evaluate(e => e === document.activeElement),
    'to keep it is what a key does');
await page.goBack();
await gone(top, 'back leaves it');

await goTo(page, '#/rules?id=1');
await top.getByLabel('Priority').waitFor();
await look('a rule');
await top.getByRole('tab', { name: 'Test' }).click();
await top.getByText('On the last 200 audited events').waitFor();
await look('a rule on trial');
await top.getByRole('tab', { name: 'History' }).click();
await top.getByText('sooner').waitFor();
await look('the history of a rule');
await top.getByRole('link', { name: 'in the audit' }).click();
await seen(page.getByRole('dialog', { name: 'update rules: 1' }),
    'which leads to its entry in the audit');
await look('a change');
await leave();

// an entry that is not among those at hand
await goTo(page, `#/audit?id=${old.id}&at=${encodeURIComponent(old.at)}`);
await seen(page.getByRole('dialog', { name: 'update settings: key 850' }),
    'a link opens a change of long ago');
await leave();
await goTo(page, `#/audit?id=${old.id}`);
await seen(page.getByRole('dialog', { name: 'update settings: key 850' }),
    'also without its time');
await leave();
await goTo(page, '#/audit?id=999999999');
await seen(top.getByText('There is no such change'), 'and says if there is none');
await look('a change that there is not');
await leave();
await button('Export', page).click();
await look('the export of changes');
await leave();

await goTo(page, '#/rules?id=1');
await button('Delete').click();
await page.getByRole('dialog', { name: 'Delete rule 1' }).waitFor();
await look('the end of a rule');
await page.keyboard.press('Escape');
await page.getByRole('dialog', { name: 'Delete rule 1' })
    .waitFor({ state: 'detached' });
await leave();
await page.getByRole('switch').click();
await page.getByRole('dialog', { name: 'Disable rule 1' }).waitFor();
await look('a switch');
await leave();
ok(await page.getByRole('switch').evaluate(e => e === document.activeElement),
    'after a dialog one is where one was');

// what is taken over
await goTo(page, '#/rules?import=1');
await top.getByLabel('or its text').fill('{"rules": [');
await top.locator('.wrong').waitFor();
await look('an import that is no JSON');
await top.getByLabel('or its text').fill('{"dev_hosts": [{"hostname": "lab-2"}],'
    + '"teams": [{"hostname": "core-r1", "team_assignment": "Backbone"}]}');
await top.getByLabel('What is here and not in the file').selectOption('replace');
await button('Compare').click();
await seen(top.getByText('1 entry would be removed'), 'an import is compared');
await look('an import that is compared');
await throwAway();

await goTo(page, '#/hosts?list=teams');
await page.getByRole('button', { name: 'Add hosts' }).first().click();
await top.getByLabel('One host and its team a line').fill('core-r1, Core\ncore-r2');
await seen(top.getByText('1 line cannot be read'), 'a line without a team is told');
await look('hosts that are pasted');
await throwAway();

// settings
await goTo(page, '#/config?key=moog_rate_limit');
await top.getByLabel(/^Value/).fill('x');
await top.locator('.wrong').waitFor();
await look('a setting with a fault');
await throwAway();

// dead letters, and an event
await goTo(page, '#/dead-letters?queue=moog');
await page.getByRole('table').getByRole('link').click();
await top.getByLabel('Raw text').waitFor();

const letter = page.url();

await look('a dead letter');
await button('Discard').click();
await page.getByRole('dialog', { name: 'Discard' }).waitFor();
await look('a letter to be thrown away');
await page.keyboard.press('Escape');
await page.getByRole('dialog', { name: 'Discard' })
    .waitFor({ state: 'detached' });
await leave();
await page.goto('about:blank');
await page.goto(letter);
await seen(top.getByLabel('Raw text'), 'a link opens a dead letter');
await leave();
await page.route('**/api/v2/events/*/explain', async route => {
    const response = await route.fetch();
    const json = { ...await response.json(), deliveries_left_out: 3 };

    await route.fulfill({ response, json });
});
await goTo(page, '#/events');
await page.getByRole('table', { name: 'Events' }).getByRole('link').click();
await seen(top.getByText('3 earlier attempts to deliver'),
    'attempts that are no longer kept are told by their number');
await seen(top.getByText('1.3.6.1.4'), 'an event is opened');
await look('an event');
await page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    document.addEventListener('copy', () => {
        globalThis.copied = document.activeElement.value;
    });
});
await button('copy id').click();
await seen(button('copied'), 'its id is copied without a clipboard, too');
ok(/^[0-9a-f-]{36}$/.test(await page.evaluate(() => globalThis.copied)),
    'and is what is copied');
await top.getByRole('link', { name: 'New rule from it' }).click();
ok(await top.getByLabel('Trap OID').inputValue() === '1.3.6.1.4'
    && await top.getByLabel('Matches by').inputValue() === 'oid_prefix',
'a rule from a trap is one for traps');
await leave();

// keys
await goTo(page, '#/keys');
await page.getByRole('button', { name: 'New key' }).first().click();
await look('a new key');
await top.getByLabel('Name').fill('shipper');
await top.getByLabel(/^Limit/).fill('0');
await top.locator('.wrong').waitFor();
await look('a new key with a fault');
await top.getByLabel(/^Limit/).fill('');
await button('Make').click();
await top.locator('.secret').waitFor();
await look('a key that is made');
await page.keyboard.press('Escape');
await seen(top.getByText('cannot be shown again'),
    'a key that was not taken down is not lost by a key');
await button('Keep on').click();
await button('I have it').click();
for (const act of ['Limit', 'Rotate', 'Revoke']) {
    await button(act, page).click();
    await top.waitFor();
    await look(`a key: ${act}`);
    await leave();
}

// a session that ends
await have('end sessions');
await goTo(page, '#/audit');
await page.getByRole('dialog', { name: 'Sign in again' }).waitFor();
await look('signing in again');

await finish(browser, page);
