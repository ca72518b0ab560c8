import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeModel } from '../src/host/model.js';
import { Pump } from '../src/lib/pump.js';
import { BASE } from './helpers.js';

/** @param {Record<string, any>} [state] */
const modelWith = (state = {}) => new FakeModel({ ...BASE, ...state });
const running = () => modelWith({ status: 'running', _job: 7 });
/** @param {FakeModel} model @param {Record<string, any>} [more] */
const answer = (model, more = {}) => {
  const rid = model.sent.at(-1).rid;
  model.emit('msg:custom', { type: 'reply', rid, ok: true, job: 7, status: 'running', ...more }, []);
};
/** @param {FakeModel} model */
const steps = (model) => model.sent.filter((message) => message.type === 'step');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the job pump', () => {
  it('sends a step with the job and an integer rid when a view joins a running job', () => {
    const model = running();
    new Pump().attach(model, () => {});
    expect(model.sent).toEqual([{ type: 'step', job: 7, rid: expect.any(Number) }]);
    expect(Number.isInteger(model.sent[0].rid)).toBe(true);
  });

  it('sends nothing for a job that is not running, and starts when it does', () => {
    const model = modelWith();
    new Pump().attach(model, () => {});
    expect(model.sent).toEqual([]);
    model.set('status', 'running');
    expect(steps(model)).toHaveLength(1);
  });

  it('keeps one step in flight, whatever happens meanwhile', () => {
    const model = running();
    new Pump().attach(model, () => {});
    model.set('_job', 8);
    model.set('status', 'idle');
    model.set('status', 'running');
    vi.advanceTimersByTime(60_000);
    expect(steps(model)).toHaveLength(1);
  });

  it('sends the next step after the reply, with another rid', () => {
    const model = running();
    new Pump().attach(model, () => {});
    answer(model);
    const [first, second] = steps(model);
    expect(steps(model)).toHaveLength(2);
    expect(second.rid).not.toBe(first.rid);
  });

  it('ignores replies that are not its own', () => {
    const model = running();
    new Pump().attach(model, () => {});
    model.emit('msg:custom', { type: 'reply', rid: model.sent[0].rid + 99, ok: true, status: 'running' }, []);
    model.emit('msg:custom', { type: 'news', rid: model.sent[0].rid }, []);
    expect(steps(model)).toHaveLength(1);
  });

  it('ignores a second copy of a reply', () => {
    const model = running();
    new Pump().attach(model, () => {});
    const { rid } = model.sent[0];
    const reply = { type: 'reply', rid, ok: true, job: 7, status: 'running' };
    model.emit('msg:custom', reply, []);
    model.emit('msg:custom', reply, []);
    expect(steps(model)).toHaveLength(2);
  });

  it('stops when the job is done, before and after its status has arrived', () => {
    const model = running();
    new Pump().attach(model, () => {});
    answer(model, { status: 'done' });
    model.set('status', 'done');
    vi.advanceTimersByTime(60_000);
    expect(steps(model)).toHaveLength(1);
  });

  it('goes on with a new job when the reply was about the old one', () => {
    const model = running();
    new Pump().attach(model, () => {});
    model.set('_job', 8);
    answer(model, { ok: false, reason: 'stale job' });
    expect(steps(model).map((message) => message.job)).toEqual([7, 8]);
  });

  it('looks again after a second when the kernel refused a step of a job that still runs', () => {
    const model = running();
    new Pump().attach(model, () => {});
    answer(model, { ok: false, reason: 'busy' });
    expect(steps(model)).toHaveLength(1);
    vi.advanceTimersByTime(1000);
    expect(steps(model)).toHaveLength(2);
  });

  it('never sends in a saved page', () => {
    const model = modelWith({ status: 'running', _live: false });
    const pump = new Pump();
    pump.attach(model, () => {});
    pump.send({ type: 'resume' });
    expect(model.sent).toEqual([]);
  });

  it('starts when a page turns out to have a kernel', () => {
    const model = modelWith({ status: 'running', _live: false });
    new Pump().attach(model, () => {});
    model.set('_live', true);
    expect(steps(model)).toHaveLength(1);
  });

  it('still waits when only another page is answered', () => {
    const model = running();
    const pump = new Pump();
    pump.attach(model, () => {});
    vi.advanceTimersByTime(5100);
    model.emit('msg:custom', { type: 'reply', rid: -5, ok: true, status: 'running' }, []);
    expect(pump.waiting).toBe(true);
  });

  it('rejects a request in a saved page', async () => {
    const pump = new Pump();
    pump.attach(modelWith({ _live: false }), () => {});
    await expect(pump.request('tiles')).rejects.toThrow('no kernel');
  });

  it('drives two views with one step at a time', () => {
    const model = running();
    const pump = new Pump();
    pump.attach(model, () => {});
    pump.attach(model, () => {});
    expect(steps(model)).toHaveLength(1);
    answer(model);
    expect(steps(model)).toHaveLength(2);
  });

  it('goes on when the first of two views leaves', () => {
    const model = running();
    const pump = new Pump();
    const leave = pump.attach(model, () => {});
    pump.attach(model, () => {});
    leave();
    answer(model);
    expect(steps(model)).toHaveLength(2);
  });

  it('stops when the last view leaves and leaves no handler behind', () => {
    const model = running();
    const leave = new Pump().attach(model, () => {});
    leave();
    expect(model.handlers).toEqual([]);
    answer(model);
    model.set('_job', 9);
    expect(steps(model)).toHaveLength(1);
  });

  it('resumes when a view comes back, because the status is a trait', () => {
    const model = running();
    const pump = new Pump();
    pump.attach(model, () => {})();
    pump.attach(model, () => {});
    expect(steps(model)).toHaveLength(2);
  });

  it('says that it waits after five seconds without a reply, does not resend, and takes it back on a reply', () => {
    const model = running();
    const changed = vi.fn();
    const pump = new Pump();
    pump.attach(model, changed);
    vi.advanceTimersByTime(4900);
    expect(pump.waiting).toBe(false);
    vi.advanceTimersByTime(200);
    expect([pump.waiting, changed.mock.calls.length, steps(model).length]).toEqual([true, 1, 1]);
    answer(model);
    expect([pump.waiting, changed.mock.calls.length, steps(model).length]).toEqual([false, 2, 2]);
  });

  it('takes a changed status as the answer to cancel', () => {
    const model = modelWith({ status: 'idle' });
    const pump = new Pump();
    pump.attach(model, () => {});
    pump.send({ type: 'cancel' });
    model.set('status', 'cancelled');
    vi.advanceTimersByTime(60_000);
    expect(pump.waiting).toBe(false);
  });

  it('gives a request its own reply with the buffers', async () => {
    const model = modelWith();
    const pump = new Pump();
    pump.attach(model, () => {});
    const asked = pump.request('tiles', { channels: [1] });
    expect(model.sent[0]).toEqual({ type: 'request', what: 'tiles', channels: [1], rid: expect.any(Number) });
    model.emit('msg:custom', { type: 'reply', rid: model.sent[0].rid, ok: true, note: 'x' }, ['buffer']);
    expect((await asked).content.note).toBe('x');
    expect((await asked).buffers).toEqual(['buffer']);
  });

  it("rejects a request with the kernel's reason", async () => {
    const model = modelWith();
    const pump = new Pump();
    pump.attach(model, () => {});
    const asked = pump.request('tiles');
    model.emit('msg:custom', { type: 'reply', rid: model.sent[0].rid, ok: false, reason: 'No layer.' }, []);
    await expect(asked).rejects.toThrow('No layer.');
  });
});
