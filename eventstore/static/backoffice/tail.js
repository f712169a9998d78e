/* The live tail: asks for news, says how many there are, shows them on a click. */
'use strict';
{
    const SECONDS = 2;
    const toggle = document.querySelector('[data-tail]');
    const said = document.querySelector('[data-tail-said]');
    const show = document.querySelector('[data-tail-show]');

    if (toggle) {
        let after = toggle.dataset.tail;
        let waiting = 0;
        let isMore = false;
        let isOn = false;
        let timer = null;
        let turn = 0; // an answer to an older question is thrown away

        const say = (words) => {
            if (said.textContent !== words) {
                said.textContent = words;
            }
        };

        const pause = () => {
            turn += 1;
            clearTimeout(timer);
        };

        const turnOff = () => {
            isOn = false;
            toggle.setAttribute('aria-pressed', 'false');
            pause();
        };

        const fetched = async (url, read) => {
            try {
                const answer = await fetch(url, {credentials: 'same-origin'});
                return answer.ok && !answer.redirected ? read(answer) : null;
            } catch {
                return null;
            }
        };

        const ask = async () => {
            const mine = turn;
            const query = new URLSearchParams(window.location.search);
            query.set('tail', '1');
            query.set('after', after);
            query.set('waiting', waiting);
            const news = await fetched(`?${query}`, (answer) => answer.json());
            if (mine !== turn) {
                return;
            }
            if (!news) {
                turnOff();
                say(toggle.dataset.stopped);
                return;
            }
            ({after, count: waiting, is_more: isMore} = news);
            say(news.said);
            show.hidden = !waiting;
            wait();
        };

        const wait = () => {
            pause();
            if (isOn && !isMore && !document.hidden) {
                timer = setTimeout(ask, SECONDS * 1000);
            }
        };

        toggle.hidden = false;
        toggle.addEventListener('click', () => {
            if (isOn) {
                turnOff();
                return;
            }
            isOn = true;
            toggle.setAttribute('aria-pressed', 'true');
            say('');
            wait();
        });
        document.addEventListener('visibilitychange', wait);

        show.addEventListener('click', async () => {
            pause();
            const page = await fetched(window.location.href, async (answer) =>
                new DOMParser().parseFromString(await answer.text(), 'text/html'));
            const fresh = page && page.getElementById('found');
            const newer = page && page.querySelector('[data-tail]');
            if (!fresh || !newer) {
                window.location.reload();
                return;
            }
            const old = document.getElementById('found');
            for (const row of fresh.querySelectorAll('tr[data-row]')) {
                row.classList.toggle('fresh', !document.getElementById(row.id));
            }
            old.replaceWith(document.adoptNode(fresh));
            after = newer.dataset.tail;
            waiting = 0;
            isMore = false;
            say('');
            toggle.focus();
            show.hidden = true;
            wait();
        });
    }
}
