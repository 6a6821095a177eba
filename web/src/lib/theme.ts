// Dark or light: the system's choice unless somebody made one.

import { remember, remembered, store } from './store';

export type Wish = 'auto' | 'dark' | 'light';

const system = matchMedia('(prefers-color-scheme: light)');

function valid(text: string): Wish {
    return text === 'dark' || text === 'light' ? text : 'auto';
}

export const wish = store<Wish>(valid(remembered('theme', 'auto')));
export const theme = store<'dark' | 'light'>('dark');

function apply(): void {
    const chosen = wish.get();
    const shown = chosen !== 'auto' ? chosen : system.matches ? 'light' : 'dark';

    document.documentElement.dataset.theme = shown;
    theme.set(shown);
}

export function choose(next: Wish): void {
    wish.set(next);
    remember('theme', next);
    apply();
}

export function nextTheme(): void {
    choose(({ auto: 'dark', dark: 'light', light: 'auto' } as const)[wish.get()]);
}

system.addEventListener('change', apply);
apply();
