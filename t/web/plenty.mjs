// More than fits a page: rows are scrolled without one missing or twice, in a
// page that does not grow, and ten thousand live events a second leave it
// answering.

import { finish, goTo, have, launch, ok, open, patience, seen, signIn }
    from './browser.mjs';
import { flood } from './load.mjs';

const rows = Number(process.argv[2]);
const browser = await launch();
const page = await open(browser, { viewport: { width: 1440, height: 1200 } });

await signIn(page, '#/events');
await page.getByText('row 1', { exact: true }).waitFor();

/* Goes down from row to row, so many at a time, and looks at those around
   each: what it saw of them.  Pages have 200 rows, so that who goes by as many
   sees where each ends and the next begins. */
async function down(from, to, by) {
    return page.evaluate(async ([start, last, step, time]) => {
        const box = document.querySelector('main .virtual');
        const deadline = performance.now() + time;
        const wrong = [];
        let most = 0, reached = start, aim = start + step, seen = start;

        box.scrollTop = (aim - 14) * 34;
        while (reached < last && performance.now() < deadline) {
            const rows = [...box.querySelectorAll('.event:not(.head)')];
            const now = rows.map(row => [Number(row.getAttribute('aria-rowindex')),
                row.querySelector('.message')?.textContent ?? null]);

            if (now.every(([, text]) => text !== null) && now[0][0] <= aim - 10
                && now.at(-1)[0] >= Math.min(last, aim + 10)) {
                wrong.push(...now.filter(([index, text]) =>
                    text !== `row ${index}`));
                wrong.push(...now.filter(([index], i) =>
                    i > 0 && index !== now[i - 1][0] + 1));
                const places = rows.map(row => row.getBoundingClientRect().top);

                wrong.push(...places.filter((place, i) => i > 0
                    && Math.round(place - places[i - 1]) !== 34));
                if (step < 20 && now[0][0] > seen + 1) {
                    wrong.push([seen + 1, 'passed over']);
                }
                seen = now.at(-1)[0];
                reached = aim;
                aim = Math.min(last, aim + step);
                most = Math.max(most, document.querySelectorAll('*').length);
                box.scrollTop = (aim - 14) * 34;
            }
            await new Promise(requestAnimationFrame);
        }
        return { reached, most, wrong: wrong.slice(0, 3) };
    }, [from, to, by, 2 * patience]);
}

const slowly = await down(0, 610, 15);
const first = await down(slowly.reached - slowly.reached % 200, rows / 2, 200);

await have('take newer events');

const second = await down(first.reached - first.reached % 200, rows, 200);

ok(first.reached >= rows / 2 && second.reached === rows,
    'one scrolls to the end of the list',
    `${first.reached}, then ${second.reached}`);
const wrong = [slowly, first, second].flatMap(d => d.wrong);

ok(slowly.reached >= 610 && wrong.length === 0,
    'no row is missing, none is there twice', JSON.stringify(wrong));
ok(second.most < 2500, 'the page does not grow with what was scrolled',
    `${second.most} elements`);

// what was let go is there again, wherever one comes back to
for (const share of [0.5, 0, 0.9]) {
    await page.evaluate(at => {
        const box = document.querySelector('main .virtual');

        box.scrollTop = at * box.scrollHeight;
    }, share);
    const there = await page.waitForFunction(([at, all]) => {
        const box = document.querySelector('main .virtual');
        const rows = [...box.querySelectorAll('.event:not(.head)')];
        const expected = Math.round(at * all);

        return rows.length > 0 && rows.every(row =>
            row.querySelector('.message')?.textContent
                === `row ${row.getAttribute('aria-rowindex')}`)
            && rows.some(row => Math.abs(Number(row.getAttribute(
                'aria-rowindex')) - expected) < 60);
    }, [share, rows], { timeout: patience }).catch(() => null);

    ok(there !== null, `at ${share} of the list are its rows`);
}

// the one that is looked for, far back
await page.getByLabel('Text').fill(`row ${rows}"`);
await seen(page.getByText(`row ${rows}`, { exact: true }),
    'one in the far past is found by its text');
await seen(page.getByText(/^1 event/), 'and no other');

// ten thousand a second
const source = await flood(page, 10_000);
const live = page.getByRole('table', { name: 'Live events' });

await goTo(page, '#/live?severity=4&hostname=&q=link');
await seen(live.getByRole('row').filter({ hasText: 'carrier lost' }),
    'live events are shown as they come');
await seen(page.locator('.badge').getByText('sampled'),
    'that only some are is told');
await seen(page.getByText(/[\d,]{6,} not shown/), 'with their number');
ok(source.asked[0]?.get('severity') === '4' && source.asked[0].get('text')
    === 'link' && !source.asked[0].has('hostname'),
'the server is told what to leave out', String(source.asked[0]));
ok(await live.getByRole('row').count() <= 201
    && await page.evaluate(() => document.querySelectorAll('*').length) < 3000,
'rows are bounded');

await page.getByRole('button', { name: 'Pause' }).click();
await seen(page.getByRole('button', { name: /^Go on with 500/ }),
    'the page answers; what is held is bounded');

const top = await live.getByRole('row').nth(1).innerText();

await page.waitForFunction(async before => {
    const passed = () => document.querySelector('.summary.live').textContent;

    globalThis.passedBefore ??= passed();
    return passed() !== globalThis.passedBefore && before !== '';
}, top);
ok(await live.getByRole('row').nth(1).innerText() === top,
    'paused, nothing moves while they go on');
await page.getByRole('button', { name: /^Go on/ }).click();
await page.getByRole('button', { name: 'Pause' }).waitFor();

const asked = source.asked.length;

await page.getByLabel('Host').fill('host-7');
await seen(live.getByRole('row').filter({ hasText: 'host-7' }),
    'one can type while they come');
ok(await live.getByRole('row').filter({ hasText: 'carrier' })
    .filter({ hasNotText: /host-7(?!\d)/ }).count() === 0,
'and what does not fit goes at once');
for (let i = 0; i < 600 && source.asked.length === asked; i++) {
    await page.waitForTimeout(50);
}
ok(source.asked.at(-1)?.get('hostname') === 'host-7',
    'the server is asked anew');

await page.keyboard.press('Escape');
await page.getByRole('heading', { name: 'Live' }).click();
await page.keyboard.press('g');
await page.keyboard.press('o');
await seen(page.getByRole('heading', { name: 'Overview' }),
    'a shortcut leads away');
source.close();

await finish(browser, page);
