// The queues of what could not be handled.

export const queues = ['alerter', 'moog', 'dead'] as const;

export type Queue = typeof queues[number];

export const about: Readonly<Record<Queue, readonly [string, string]>> = {
    alerter: ['Events', 'that could not be processed, or were shed'],
    moog: ['Alerts', 'that the webhook did not take'],
    dead: ['Dead', 'what has failed after every replay, or is no event'],
};
