// Search for Chinese. mdBook's index has no Chinese words, because nothing separates them in a text: so a search for Chinese
// characters reads the texts instead, which the index holds as well.

"use strict";

(() => {
  const HAN = /\p{Script=Han}/u;
  // A result shows so many characters before and after what was found.
  const AROUND = 60;
  // A match in a title counts as so many in the text.
  const TITLE = 20;
  const indexed = elasticlunr.Index.prototype.search;

  elasticlunr.Index.prototype.search = function (query, options) {
    if (!HAN.test(query)) {
      return indexed.call(this, query, options);
    }
    const terms = query.toLowerCase().split(/\s+/).filter(Boolean);
    const results = Object.entries(this.documentStore.docs).map(([ref, page]) => result(ref, page, terms));
    return results.filter((found) => found.score > 0).sort((left, right) => right.score - left.score);
  };

  function result(ref, page, terms) {
    const [title, body] = [page.title.toLowerCase(), page.body.toLowerCase()];
    const counts = terms.map((term) => TITLE * occurrences(title, term) + occurrences(body, term));
    const score = counts.includes(0) ? 0 : counts.reduce((sum, count) => sum + count, 0);
    const at = Math.max(body.indexOf(terms[0]), 0);
    const excerpt = page.body.slice(Math.max(at - AROUND, 0), at + AROUND);
    return { ref, doc: { ...page, body: excerpt }, score };
  }

  function occurrences(text, term) {
    return text.split(term).length - 1;
  }
})();
