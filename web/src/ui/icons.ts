// Outlines on a grid of 16.

export const icons = {
    overview: 'M2 9h3l2-6 3 10 2-4h2',
    live: 'M8 8h.01M5 5a4.2 4.2 0 0 0 0 6M11 5a4.2 4.2 0 0 1 0 6M3 3a7 7 0 0 0 0 10M13 3a7 7 0 0 1 0 10',
    events: 'M2.5 3.5h11M2.5 8h11M2.5 12.5h7',
    rules: 'M3 4h4M10 4h3M3 8h7M13 8h0M3 12h2M8 12h5M7 2.5v3M10 6.5v3M5 10.5v3',
    hosts: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01',
    dead: 'M2.5 4.5h11M4 4.5l.7 9h6.6l.7-9M6.2 4.5v-2h3.6v2M6.6 7.2v3.6M9.4 7.2v3.6',
    config: 'M2 5h7M12 5h2M2 11h2M7 11h7M10.5 3.5v3M5.5 9.5v3',
    audit: 'M4 2h6l3 3v9H4zM6 7h5M6 9.5h5M6 12h3',
    slo: 'M2.5 11.5a6 6 0 1 1 11 0M8 11l2.5-4',
    keys: 'M10 2.5a3.5 3.5 0 1 1-2.6 5.8L2.5 13.3v-2.5M10.8 5.2h.01M4.5 11.3l1.5 1.5',
    menu: 'M2 4h12M2 8h12M2 12h12',
    close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
    search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.5 10.5l3 3',
    plus: 'M8 3v10M3 8h10',
    up: 'M8 13V3M4 7l4-4 4 4',
    down: 'M8 3v10M4 9l4 4 4-4',
    refresh: 'M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3',
    pause: 'M5.5 3v10M10.5 3v10',
    play: 'M4.5 3l8 5-8 5z',
    sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
    moon: 'M13 9.5A5.5 5.5 0 1 1 6.5 3 4.5 4.5 0 0 0 13 9.5z',
    auto: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2M8 2v12',
    help: 'M6 6a2 2 0 1 1 2.7 1.9c-.5.2-.7.6-.7 1.1v.500M8 12h.01',
    out: 'M6 2.5H3v11h3M10 5l3 3-3 3M13 8H6',
    save: 'M8 2v8M4.5 6.5L8 10l3.5-3.5M2.5 13.5h11',
    warn: 'M8 2l6.5 11.5h-13zM8 6.5v3M8 11.5h.01',
} as const;

export type IconName = keyof typeof icons;
