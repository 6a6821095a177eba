// A shift with the dashboard: a rule is made, its event arrives, is found and
// explained; an alert dies and is replayed; a setting is changed and reverted;
// all of it is in the audit.

import { readFileSync } from 'node:fs';

import { event, finish, goTo, gone, have, ingest, launch, ok, open, seen, signIn }
    from './browser.mjs';

const browser = await launch();
const page = await open(browser);
const dialog = page.getByRole('dialog');

async function throwAway() {
    await dialog.getByRole('button', { name: 'Close' }).click();
    await dialog.getByRole('button', { name: 'Throw it away' }).click();
    await gone(dialog, 'what was typed is thrown away when one says so');
}

const notice = text => page.locator('.notices').getByText(text);

await signIn(page);
await seen(page.getByRole('heading', { name: 'Overview' }), 'signed in');

// a rule
await page.getByRole('link', { name: /^Rules/ }).click();
await page.getByRole('button', { name: 'New rule' }).click();
await dialog.getByRole('textbox', { name: 'Text' }).fill('flux capacitor');
await dialog.getByRole('combobox', { name: 'Team' }).fill('Doc');
await dialog.getByLabel('In production').selectOption('Page_and_ticket');
await dialog.getByLabel('Priority').fill('-3');
await seen(dialog.getByText('0 to 1000000'), 'a field is judged as it is typed');
await dialog.getByLabel('Priority').fill('10');
ok(await dialog.getByRole('button', { name: 'Make' }).isDisabled(),
    'a rule is not made without a reason');
await dialog.getByLabel('Reason').fill('the delorean pages now');
await dialog.getByRole('button', { name: 'Make' }).click();
await seen(notice('The rule was made.'), 'a rule is made');
await seen(page.locator('table.rules').getByText('flux capacitor'),
    'and is in the list');

// what the server alone can judge
await page.getByRole('button', { name: 'New rule' }).click();
await dialog.getByLabel('Matches by').selectOption('regex');
await dialog.getByLabel('Regular expression').fill('broken (');
await dialog.getByRole('combobox', { name: 'Team' }).fill('Doc');
await dialog.getByLabel('Reason').fill('a mistake');
await dialog.getByRole('button', { name: 'Make' }).click();
await seen(dialog.locator('.wrong'), 'a pattern that is none is told at its field');
await page.keyboard.press('Escape');
await dialog.getByRole('button', { name: 'Keep on' }).click();
ok(await dialog.getByLabel('Regular expression').inputValue() === 'broken (',
    'what was typed is not lost by a key');
await throwAway();

// its event, live
await have('know the rule');
await page.getByRole('link', { name: /^Live/ }).click();
await seen(page.locator('.badge.good').getByText('live'), 'live is live');
await ingest(event('the flux capacitor is out of flux'));

const arrival = page.getByRole('table', { name: 'Live events' })
    .getByRole('row').filter({ hasText: 'out of flux' });

await seen(arrival, 'an event arrives');
await seen(arrival.getByText('Page and ticket'), 'with what was decided');
await page.getByRole('button', { name: 'Pause' }).click();
await have('fail once');
await ingest(event('a second flux capacitor'));
await seen(page.getByRole('button', { name: /^Go on with 1/ }),
    'paused, what comes is held');
ok(await page.getByText('a second flux capacitor').count() === 0,
    'and not shown');
await page.getByRole('button', { name: /^Go on/ }).click();
await seen(page.getByText('a second flux capacitor'), 'until it goes on');

// found again
await page.getByRole('link', { name: /^Events/ }).click();
await page.getByLabel('Host').fill('edge-r7');
await page.getByRole('table', { name: 'Events' }).getByRole('link')
    .filter({ hasText: 'out of flux' }).click();
await seen(dialog.getByText('"hostname": "edge-r7"'), 'it is found by its host');
await seen(dialog.getByRole('link', { name: /^rule \d+/ }),
    'with the rule that decided');
await seen(dialog.getByRole('region', { name: 'What became of it' })
    .getByText('was the first to match'), 'it is explained step by step');
ok(await dialog.getByText(/^Attempt/).count() === 0,
    'without attempts where the first was enough');
await dialog.getByRole('link', { name: 'New rule from it' }).click();
ok(await dialog.getByRole('textbox', { name: 'Text' }).inputValue()
    === 'the flux capacitor is out of flux', 'a rule can be made from it');
await dialog.getByRole('tab', { name: 'Test' }).click();
await seen(dialog.getByText('but another rule comes first'),
    'and is tried on it at once');
await page.goBack();
await dialog.getByRole('link', { name: /^rule \d+/ }).click();
await seen(dialog.getByText('Only of severity'), 'which is a click away');
await dialog.getByRole('tab', { name: 'History' }).click();
await seen(dialog.getByText('the delorean pages now'), 'and tells its history');
await dialog.getByRole('button', { name: 'Close' }).click();

// one that the webhook failed at first
const steps = dialog.getByRole('region', { name: 'What became of it' })
    .getByRole('listitem');
const explain = async text => {
    await goTo(page, '#/events');
    await page.getByRole('table', { name: 'Events' }).getByRole('link')
        .filter({ hasText: text }).click();
    await steps.filter({ hasText: 'Attempt 1 ' }).waitFor();
    return (await steps.allInnerTexts()).join('; ');
};

await have('see it tried twice');

const tried = await explain('a second flux');

const attempt = (n, status, outcome) => `Attempt ${n} to deliver, [^:]*: the`
    + ` webhook answered ${status} \\(\\d[^;]*\\); it was ${outcome}\\.`;

ok(new RegExp(`${attempt(1, 500, 'to be tried again')}; `
    + attempt(2, 200, 'delivered')).test(tried),
'each attempt to deliver is told, where one was not enough', tried);
await dialog.getByRole('button', { name: 'Close' }).click();

// another rule, tried before it is saved
await goTo(page, '#/rules?id=new');
await dialog.getByRole('textbox', { name: 'Text' }).fill('capacitor');
await dialog.getByRole('combobox', { name: 'Team' }).fill('Marty');
await dialog.getByLabel('Priority').fill('5');
await dialog.getByRole('tab', { name: 'Test' }).click();

const figure = name => dialog.locator('dl.row div').filter({ hasText: name })
    .locator('dd');

await figure('taken from others').waitFor();
ok(await figure('taken from others').innerText() === '2',
    'tried on what was audited, it says what it would take');
ok(await figure('new').innerText() === '0', 'and what it would newly match');
await seen(dialog.getByRole('row').filter({ hasText: 'flux capacitor' })
    .getByRole('cell', { name: '2', exact: true }), 'and from whom');
await dialog.getByLabel(/^An event/).fill('this capacitor is empty');
await seen(dialog.getByText('it is the first that matches'),
    'tried on what is pasted, it says that it decides');
await dialog.getByLabel(/^An event/).fill('{"message": "nothing of it"}');
await seen(dialog.locator('.badge').getByText('no match'), 'or that it does not');
await throwAway();

// a rule changed, and taken back
const rule = page.locator('table.rules').getByRole('link',
    { name: 'flux capacitor' });

await rule.click();
await dialog.getByLabel('Priority').fill('77');
await dialog.getByLabel('Reason').fill('later is enough');
await dialog.getByRole('button', { name: 'Save' }).click();
await gone(dialog, 'a rule is changed');
await seen(page.getByRole('cell', { name: /^77/ }), 'and stands where it was put');
await rule.click();
await dialog.getByRole('tab', { name: 'History' }).click();
await seen(dialog.locator('.added').getByText('77'),
    'its history has the difference');
await dialog.getByRole('button', { name: 'Take these old values' }).first().click();
ok(await dialog.getByLabel('Priority').inputValue() === '10',
    'old values come back into the editor');
await dialog.getByLabel('Reason').fill('it was right before');
await dialog.getByRole('button', { name: 'Save' }).click();
await gone(dialog, 'and are saved');
await seen(page.getByRole('cell', { name: /^10/ }), 'so that it is reverted');

// an alert that the webhook refuses
await have('refuse alerts');
await ingest(event('flux capacitor, refused'));
await have('have a dead letter');
await goTo(page, '#/dead-letters?queue=moog');

const letter = page.getByRole('table', { name: 'Dead letters' })
    .getByRole('link').filter({ hasText: 'refused' });

await seen(letter, 'a refused alert is a dead letter');
await letter.click();
await seen(dialog.getByText('http 400'), 'with its reason');
await have('take alerts');
await dialog.getByRole('button', { name: 'Replay' }).click();
await page.getByRole('dialog', { name: 'Replay' }).getByLabel(/^Reason/)
    .fill('the webhook is right again');
await page.getByRole('dialog', { name: 'Replay' })
    .getByRole('button', { name: 'Replay 1 letter' }).click();
await seen(notice('1 letter sent back.'), 'it is replayed');
await seen(page.getByText('Nothing lies here'), 'and lies there no more');
await have('see it delivered');

const died = await explain('flux capacitor, refused');

ok(/Attempt 1 .* answered 400 .* it became a dead letter\.; .*the webhook is right again/
    .test(died), 'its event tells that attempt, and then who replayed it', died);
await dialog.getByRole('button', { name: 'Close' }).click();
await goTo(page, '#/dead-letters?queue=moog');

// many at a time
await have('bury five letters');
await page.getByRole('button', { name: 'Refresh' }).click();
await page.getByLabel('Select letter 1', { exact: true }).check();
await page.getByLabel('Select letter 2', { exact: true }).check();
await page.getByRole('button', { name: 'Discard 2' }).click();

const discard = page.getByRole('dialog', { name: 'Discard' });

ok(await discard.getByRole('button', { name: 'Discard 2 letters' }).isDisabled(),
    'a selection is not thrown away without a reason');
await discard.getByLabel('Reason').fill('made up by a test');
await discard.getByRole('button', { name: 'Discard 2 letters' }).click();
await seen(notice('2 letters discarded.'), 'the selection is thrown away');
await gone(discard, 'and nothing is asked any more');
await page.getByLabel('Host').fill('buried-b');
await page.getByRole('button', { name: 'Discard matching' }).click();
await seen(discard.getByText('where hostname is buried-b'),
    'all that match: what matches is told');
await discard.getByLabel('Reason').fill('all of that host');
await discard.getByRole('button', { name: /^Discard 2 letters/ }).click();
await gone(discard, 'with its number, and it is done');
await page.getByLabel('Host').fill('');
await seen(page.locator('.summary').getByText('1 letter'), 'the other stays');
await page.getByRole('button', { name: 'Replay all' }).click();
await page.getByRole('dialog', { name: 'Replay' })
    .getByRole('button', { name: 'Replay 1 letter' }).click();
await seen(page.getByText('Nothing lies here'), 'until all are replayed');

// how it stands
await page.getByRole('link', { name: /^Overview/ }).click();
await seen(page.locator('.tile').filter({ hasText: 'Ledger' })
    .getByText('balanced'), 'the ledger is balanced');
await seen(page.getByRole('row').filter({ hasText: 'forwarder' })
    .getByText('alive'), 'the forwarder is alive');
await goTo(page, '#/rules');
await seen(page.locator('table.rules tbody tr').filter({ hasText: 'flux' })
    .getByRole('cell', { name: '3', exact: true }), 'the rule has its hits');

// a setting, there and back
await goTo(page, '#/config?key=moog_rate_limit');
await dialog.getByLabel('Value').fill('0');
await seen(dialog.locator('.wrong'), 'a value out of range is told at once');
await dialog.getByLabel('Value').fill('33');
await dialog.getByLabel('Reason').fill('a slower webhook');
await dialog.getByRole('button', { name: 'Save' }).click();
await seen(notice('moog_rate_limit was changed.'), 'a setting is changed');
await gone(dialog, 'and its sheet closed');

const setting = page.getByRole('link', { name: 'moog_rate_limit', exact: true });

await seen(page.getByRole('row').filter({ has: setting }).getByText('33'),
    'its value is there');
await setting.click();
await dialog.getByRole('button', { name: 'Back to the default' }).first().click();
await page.getByRole('dialog', { name: 'Revert moog_rate_limit' })
    .getByLabel('Reason').fill('as it was');
await page.getByRole('button', { name: 'Revert 1 setting' }).click();
await gone(dialog, 'it is reverted');
await seen(page.getByText('0 changed'), 'and is what it was');

// hosts by the paste
await goTo(page, '#/hosts');
await page.getByRole('button', { name: 'Add hosts' }).first().click();
await dialog.getByLabel('One host a line').fill('lab-1\nlab-2\nlab-1\n\nlab-3');
await dialog.getByRole('button', { name: 'Compare 3 hosts' }).click();
await seen(dialog.getByText('3 added, 0 changed, 0 removed, 0 unchanged'),
    'pasted hosts are compared first');
await dialog.getByLabel('Reason').fill('the laboratory');
await dialog.getByRole('button', { name: 'Take over: 3 added' }).click();
await seen(page.getByRole('row').filter({ hasText: 'lab-3' }),
    'pasted hosts are there');
await page.getByLabel('Select all 3').check();
await page.getByRole('button', { name: 'Remove 3 hosts' }).click();
await dialog.getByRole('button', { name: 'Remove 3 hosts' }).click();
await seen(page.getByText('All hosts are of production'),
    'and gone when all are removed, with their number asked first');

// rules as a file: out, changed, and in
await goTo(page, '#/rules');

const [exported] = await Promise.all([page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export' }).click()]);
const set = JSON.parse(readFileSync(await exported.path(), 'utf8'));

ok(set.rules.length === 1 && set.rules[0].match_string === 'flux capacitor',
    'rules are exported');
await page.getByRole('button', { name: 'Import' }).click();
await dialog.getByLabel('or its text').fill('{"rules": [');
await seen(dialog.locator('.wrong'), 'what is no JSON is told at once');

const bad = { rules: [{ ...set.rules[0], priority: -1 }] };

await dialog.getByLabel('or its text').fill(JSON.stringify(bad));
await dialog.getByRole('button', { name: 'Compare' }).click();
await seen(dialog.getByText('rules[0].priority'),
    'what the server finds wrong is told with its place');
await dialog.getByRole('button', { name: 'Back' }).click();
set.rules[0].priority = 12;
set.rules.push({ ...set.rules[0], id: null, match_string: 'hover board' });
delete set.rules[1].id;
await dialog.getByLabel('or its text').fill(JSON.stringify(set));
await dialog.getByRole('button', { name: 'Compare' }).click();
await seen(dialog.getByText('1 added, 1 changed, 0 removed, 0 unchanged'),
    'a file is compared with what is there');
await seen(dialog.locator('.added').getByText('12'), 'member by member');
ok(await page.locator('table.rules').getByText('hover board').count() === 0,
    'and nothing is changed yet');
ok(await dialog.getByRole('button', { name: /^Take over/ }).isDisabled(),
    'nor without a reason');
await have('change a rule meanwhile');
await dialog.getByLabel('Reason').fill('from a file');
await dialog.getByRole('button', { name: /^Take over/ }).click();
await seen(dialog.getByText('Somebody changed something'),
    'nor when it was changed in between');
await dialog.getByRole('button', { name: 'Compare again' }).click();
await dialog.getByRole('button', { name: /^Take over: 1 added, 1 changed/ }).click();
await seen(notice('Taken over: 1 added, 1 changed.'), 'then it is taken over');
await seen(page.locator('table.rules').getByText('hover board'),
    'and is in the list');

// a key, seen once
await goTo(page, '#/keys');
await page.getByRole('button', { name: 'New key' }).first().click();
await dialog.getByLabel('Name').fill('shipper-9');
await dialog.getByLabel('Limit').fill('0');
await seen(dialog.getByText('a whole number from 1 to'),
    'a limit is judged as it is typed');
ok(await dialog.getByRole('button', { name: 'Make' }).isDisabled(),
    'and no key made with one that is none');
await dialog.getByLabel('Limit').fill('6000');
await dialog.getByRole('button', { name: 'Make' }).click();

const secret = await dialog.locator('.secret code').innerText();

ok(secret.length > 20, 'a key is shown when it is made');
await dialog.getByRole('button', { name: 'I have it' }).click();
await seen(page.getByRole('row').filter({ hasText: 'shipper-9' }), 'it is listed');
ok(!(await page.content()).includes(secret), 'and never shown again');
await seen(page.getByRole('cell', { name: '6,000 a minute' }),
    'with the limit of its own');
await page.getByRole('button', { name: 'Limit' }).click();
ok(await dialog.getByLabel('Limit').inputValue() === '6000',
    'which can be changed');
await dialog.getByLabel('Limit').fill('');
await dialog.getByLabel('Reason').fill('trusted by now');
await dialog.getByRole('button', { name: 'Set its limit' }).click();
await gone(dialog, 'and taken away');
await seen(page.getByRole('cell', { name: 'none', exact: true }),
    'so that there is none');
await page.getByRole('button', { name: 'Rotate' }).click();
await dialog.getByRole('button', { name: 'Make its second key' }).click();
await dialog.getByText('shown now and never again').waitFor();
ok(await dialog.locator('.secret code').innerText() !== secret,
    'a second one is another');
await dialog.getByRole('button', { name: 'I have it' }).click();

const revoke = page.getByRole('button', { name: 'Revoke', exact: true });

for (const left of [1, 0]) {
    await revoke.nth(left).waitFor();
    await revoke.first().click();
    await dialog.getByRole('button', { name: 'Revoke 1 key' }).click();
    await gone(dialog, `one is revoked, ${left} left`);
    await revoke.nth(left).waitFor({ state: 'detached' });
}
await seen(page.getByText('No key to show'), 'revoked keys are none');

// all of it in the audit
await goTo(page, '#/audit');

const changes = page.getByRole('table', { name: 'Changes' }).getByRole('row');

for (const [what, title] of [
    [['create', 'rules', 'the delorean pages now'], 'the rule'],
    [['rules', 'it was right before'], 'its reverting'],
    [['dead letters', 'the webhook is right again'], 'the replay'],
    [['dead letters', 'all of that host'], 'the discarding'],
    [['settings', 'moog_rate_limit', 'a slower webhook'], 'the setting'],
    [['settings', 'moog_rate_limit', 'as it was'], 'its way back'],
    [['create', 'development hosts', 'lab-2'], 'a host'],
    [['create', 'rules', 'from a file'], 'the import'],
    [['create', 'keys', 'shipper-9'], 'the key'],
    [['keys', 'shipper-9', 'trusted by now'], 'the end of its limit'],
]) {
    let row = changes;

    for (const text of what) {
        row = row.filter({ hasText: text });
    }
    await seen(row, `${title} is in the audit`);
}
await changes.filter({ hasText: 'a slower webhook' }).getByRole('link').click();
await seen(dialog.locator('.added').getByText('33'), 'with old and new values');
await dialog.getByRole('button', { name: 'Close' }).click();
await page.getByRole('button', { name: 'Export' }).click();

const [file] = await Promise.all([page.waitForEvent('download'),
    dialog.getByRole('button', { name: 'CSV' }).click()]);

ok(/^mutt-audit-.*\.csv$/.test(file.suggestedFilename()), 'it can be taken away');
await page.getByRole('button', { name: 'Sign out' }).click();
await seen(page.getByRole('heading', { name: 'Sign in to MUTT' }), 'and left');

await finish(browser, page);
