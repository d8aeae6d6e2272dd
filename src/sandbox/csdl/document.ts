import { messagesOf } from "../messages/catalogue.ts";
import type { World } from "../world.ts";
import { entitySets, entityTypes } from "./entities.ts";
import { imports, messageTypes, operations } from "./messages.ts";
import { metadataSets, metadataTypes } from "./metadata-types.ts";
import { element } from "./xml.ts";

const VOCABULARIES = ["OData.Community.Keys.V1", "OData.Community.Display.V1"];
const CORE = "Org.OData.Core.V1";

const reference = (uri: string, namespace: string, alias: string): string =>
  element("edmx:Reference", { Uri: uri }, [
    element("edmx:Include", { Namespace: namespace, Alias: alias }),
    element("edmx:IncludeAnnotations", { TermNamespace: namespace }),
  ]);

/**
 * `GET $metadata`: the whole service in CSDL 4.0 (page: web-api-service-documents).
 * @param annotated what `?annotations=true` adds: descriptions, permissions and alternate keys
 */
export function metadataDocument({ schema, rules }: World, annotated: boolean): string {
  const messages = messagesOf(rules);
  const container = element("EntityContainer", { Name: "System" }, [
    ...entitySets(schema),
    ...metadataSets(),
    ...imports(messages),
  ]);
  const content = element(
    "Schema",
    { Namespace: "Microsoft.Dynamics.CRM", Alias: "mscrm", xmlns: "http://docs.oasis-open.org/odata/ns/edm" },
    [
      ...entityTypes(schema, annotated),
      ...metadataTypes(),
      ...messageTypes(messages),
      ...operations(schema, messages),
      container,
    ],
  );
  const references = VOCABULARIES.map((name) =>
    reference(`http://vocabularies.odata.org/${name}.xml`, name, name.split(".").at(-2) ?? name),
  );
  references.push(
    reference(
      "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.xml",
      CORE,
      "Core",
    ),
  );
  const body = element(
    "edmx:Edmx",
    { Version: "4.0", "xmlns:edmx": "http://docs.oasis-open.org/odata/ns/edmx" },
    [...references, element("edmx:DataServices", {}, [content])],
  );
  return `<?xml version="1.0" encoding="utf-8"?>${body}`;
}
