// Writes the folder assets, which is part of the package: the schema, the policies of the execution role in function.yaml, and
// the zip files of the function that `make package` has built. Also copies the licence, because npm packs only files below
// package.json.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';

const here = new URL('.', import.meta.url);
const at = (path) => new URL(path, here);

const longForm = (tag) => (tag === 'Ref' || tag === 'Condition' ? tag : `Fn::${tag}`);
const functions = ['Ref', 'Sub', 'GetAtt', 'If', 'Not', 'Equals', 'Select', 'Join', 'Split'];
const tags = functions.flatMap((tag) => [
  { tag: `!${tag}`, resolve: (text) => ({ [longForm(tag)]: tag === 'GetAtt' ? text.split('.') : text }) },
  { tag: `!${tag}`, collection: 'seq', resolve: (items) => ({ [longForm(tag)]: items.toJSON() }) },
]);

const template = parse(readFileSync(at('../../function.yaml'), 'utf8'), { customTags: tags });
const policies = Object.entries(template.Resources).filter(([, { Type }]) => Type === 'AWS::IAM::ManagedPolicy');
const documents = Object.fromEntries(policies.map(([name, { Properties }]) => [name, Properties]));

mkdirSync(at('../assets/'), { recursive: true });
writeFileSync(at('../assets/policies.json'), `${JSON.stringify(documents, null, 2)}\n`);
copyFileSync(at('../../schema.json'), at('../assets/schema.json'));
copyFileSync(at('../../../LICENSE'), at('../LICENSE'));

// The package also works without the zip files: users then set codePath.
for (const architecture of ['arm64', 'x86_64']) {
  const [built, packed] = [at(`../../../package/${architecture}/bootstrap.zip`), at(`../assets/${architecture}/`)];
  rmSync(packed, { recursive: true, force: true });
  if (existsSync(built)) {
    mkdirSync(packed, { recursive: true });
    copyFileSync(built, new URL('bootstrap.zip', packed));
  }
}
